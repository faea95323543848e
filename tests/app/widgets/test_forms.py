from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from streamlit.testing.v1 import AppTest


class Turn(BaseModel):
    limit_deg: float = Field(5.0, ge=0, le=45, description="Largest roll.")
    scale: tuple[float, float] = (0.8, 1.0)


class Job(BaseModel):
    model_config = ConfigDict(extra="forbid")
    dataset: Path = Field(description="Folder with the labels.")
    epochs: int = Field(20, gt=0, le=100)
    rate: float = Field(1e-3, gt=0)
    split: Literal["spot", "random"] = "spot"
    fold: Annotated[int, Field(ge=0)] | None = None
    quiet: bool = False
    turn: Turn = Turn(limit_deg=7.0)
    more: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fold_of_random(self) -> "Job":
        if self.fold is not None and self.split == "spot":
            raise ValueError("a fold needs the random split")
        return self


def _form_script(shown: dict[str, object]) -> None:
    import importlib.util
    import sys

    import streamlit as st

    from app.widgets.forms import FormPlan, config_form

    spec = importlib.util.spec_from_file_location("forms_job", shown["file"])
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules.get("forms_job") or importlib.util.module_from_spec(spec)
    if "forms_job" not in sys.modules:
        sys.modules["forms_job"] = module
        spec.loader.exec_module(module)
    plan = FormPlan(
        "job",
        (("dataset",), ("epochs",)),
        ("Start", "Check"),
        start={("epochs",): 3},
        suggestions={("dataset",): ["data/demo"]} if shown["offered"] else {},
    )
    answer = config_form(module.Job, plan)
    if answer is not None:
        st.json({"button": answer.button, "config": answer.config.model_dump(mode="json")})


def _form(offered: bool = True) -> AppTest:
    kwargs = {"shown": {"file": __file__, "offered": offered}}
    return AppTest.from_function(_form_script, kwargs=kwargs, default_timeout=30).run()


def test_the_form_returns_a_validated_config_and_the_button() -> None:
    app = _form()
    app.number_input(key="job_turn_limit_deg").set_value(9.0)
    app.text_input(key="job_more").set_value('{"width": 2}')
    app.button[1].click()
    app.run()
    assert not app.exception
    answer = app.json[0].value
    assert '"button": "Check"' in answer or '"button":"Check"' in answer
    assert '"epochs":3' in answer.replace(" ", "")
    assert '"limit_deg":9.0' in answer.replace(" ", "")
    assert '"more":{"width":2}' in answer.replace(" ", "")
    assert '"dataset":"data/demo"' in answer.replace(" ", "")


def test_the_form_says_beside_the_field_what_is_wrong() -> None:
    app = _form(offered=False)
    app.text_input(key="job_turn_scale").set_value("0.8, wide")
    app.text_input(key="job_more").set_value("{nonsense")
    app.button[0].click()
    app.run()
    assert not app.exception
    assert not app.json
    said = [item.value for item in app.error]
    assert any(words == "Dataset must not be empty." for words in said)
    assert any(words.startswith("Scale ") for words in said)
    assert any(words.startswith("More must be a JSON object") for words in said)
    assert any(words.startswith("Not started.") and "Dataset" in words for words in said)


def test_a_contradiction_between_fields_is_shown_above_the_form() -> None:
    app = _form()
    app.number_input(key="job_fold").set_value(1)
    app.button[0].click()
    app.run()
    assert "a fold needs the random split" in app.error[0].value
