"""Options that are kept as they are typed, whose start values depend on other answers."""

from streamlit.testing.v1 import AppTest


def page() -> None:
    """A form in which random weights leave the retrieval backbone out."""
    import streamlit as st

    from app.widgets import held_options
    from app.widgets.forms import FormPlan, key_at
    from core.model.schema import ModelConfig

    random = st.session_state.get(key_at("form", ("weights",))) == "random"
    start = {("backbone",): "resnet18" if random else "resnet50"}
    plan = FormPlan("form", first=(("weights",), ("backbone",)), buttons=(), start=start)
    held_options.follow(ModelConfig, plan, shown=True)
    held_options.search(ModelConfig, plan)
    changed = held_options.changes(ModelConfig, plan)
    st.session_state["changed"] = sorted(".".join(path) for path in changed)
    st.session_state["key"] = key_at("form", ("backbone",))


def test_an_answer_that_the_browser_sends_late_is_no_change() -> None:
    app = AppTest.from_function(page, default_timeout=60).run()
    assert not app.exception
    before = app.session_state["key"]
    assert app.session_state[before] == "resnet50"
    app.text_input(key="form_weights").set_value("random").run()
    after = app.session_state["key"]
    assert app.session_state[after] == "resnet18"
    # The browser has not drawn that run yet: its next message has the answer from before.
    app.session_state[before] = "resnet50"
    app.run()
    assert app.session_state["changed"] == ["weights"]
    assert app.session_state[after] == "resnet18"


def test_an_answer_that_was_a_start_value_before_can_be_chosen() -> None:
    app = AppTest.from_function(page, default_timeout=60).run()
    app.text_input(key="form_weights").set_value("random").run()
    app.text_input(key=app.session_state["key"]).set_value("resnet50").run()
    assert app.session_state["changed"] == ["backbone", "weights"]
    app.text_input(key="form_weights").set_value("pretrained").run()
    assert app.session_state[app.session_state["key"]] == "resnet50"
