from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pandas as pd
from streamlit.testing.v1 import AppTest

from core.evaluation.human_baseline import read_answers

OpenPage = Callable[..., AppTest]


def _shown(app: AppTest) -> str:
    """The photo in the address, which AppTest holds as text until the page changes it."""
    named = app.query_params["photo"]
    return named if isinstance(named, str) else named[0]


def test_a_round_is_played_by_sliders_kept_with_consent_and_shared(
    workspace_copy: Path, open_page: OpenPage
) -> None:
    folder = workspace_copy / "data" / "tiny"
    table = pd.read_csv(workspace_copy / "checkpoints/tiny/report/predictions.csv")
    # Of this report, whose model was trained on nothing, every photo but twins can be played.
    photo = table.loc[~(table["nearest_training_m"] < 1.0), "photo_id"].iloc[0]
    app = open_page(workspace_copy, "play", photo=photo)
    assert _shown(app) == photo
    answer = app.button(key="play_answer")
    assert answer.disabled
    truth = table.set_index("photo_id").loc[photo]
    app.checkbox(key="play_consent").check().run()
    app.text_input(key="play_nickname").set_value("=Ada").run()
    app.slider(key="play_north").set_value(12).run()
    app.slider(key="play_heading").set_value(90).run()
    app.button(key="play_answer").click().run()
    assert not app.exception
    assert not app.error
    [kept] = read_answers(folder)
    assert (kept.photo_id, kept.nickname, kept.heading_deg) == (photo, "Ada", 90.0)
    shared = app.code[0].value
    assert f"photo={quote(photo, safe='')}" in shared
    assert f"{truth['true_north_m']:.1f}" not in shared
    app.button(key="play_next").click().run()
    assert _shown(app) != photo
    app.button(key="play_skip").click().run()
    assert not app.exception
    assert len(read_answers(folder)) == 1


def test_without_consent_nothing_is_kept(workspace_copy: Path, open_page: OpenPage) -> None:
    app = open_page(workspace_copy, "play")
    app.slider(key="play_east").set_value(3).run()
    app.button(key="play_answer").click().run()
    assert app.code
    assert not (workspace_copy / "data" / "tiny" / "human_answers.csv").exists()
