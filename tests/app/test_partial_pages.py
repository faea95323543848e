"""Every page over data sets and models that lack positions, headings or regions."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.labels import LABELS, Label
from tests.app.page_text import said
from tests.partial_workspace import PARTIAL
from tests.stripped_demo import Stripped

pytestmark = pytest.mark.slow
OpenPage = Callable[..., AppTest]
HAS: dict[Stripped, tuple[Label, ...]] = {
    "positions": ("position", "region"),
    "regions": ("region",),
    "half_headings": LABELS,
    "half_positions": LABELS,
}
SECTIONS = {"Regions": "region", "Positions": "position", "Headings": "heading"}


@pytest.fixture(params=PARTIAL)
def kind(request: pytest.FixtureRequest) -> Stripped:
    """Each kind in turn."""
    kind: Stripped = request.param
    return kind


@pytest.fixture
def opened(partial_workspace: Path, open_page: OpenPage, kind: Stripped) -> OpenPage:
    """Open a page on the data set and the model of a kind; it must show no error and no gap."""

    def show(page: str, **parameters: str) -> AppTest:
        chosen = {"dataset": f"data/{kind}", "checkpoint": f"runs/{kind}/checkpoints/best"}
        app = open_page(partial_workspace, page, **chosen, **parameters)
        assert not app.exception, page
        assert not app.error, page
        shown = [said(app), *(f"{one.label} {one.value} {one.delta}" for one in app.metric)]
        assert " nan" not in "\n".join(shown).lower(), page
        return app

    return show


def sections(app: AppTest, key: str) -> list[str]:
    """What a page offers to show."""
    [group] = [one for one in app.button_group if one.key == key]
    return [option.content for option in group.proto.options]


def test_home_says_what_is_missing(opened: OpenPage, kind: Stripped) -> None:
    app = opened("home")
    for label in LABELS:
        assert (f"No photo has a {label}" in said(app)) == (label not in HAS[kind])
    predicts = {"positions": "predicts no headings:", "regions": "no positions and no headings:"}
    assert all((words in said(app)) == (kind == name) for name, words in predicts.items())
    assert ("48 of 96 photos have a heading" in said(app)) == (kind == "half_headings")
    assert ("48 of 96 photos have a position" in said(app)) == (kind == "half_positions")
    names = {metric.label for metric in app.metric}
    assert ("Median error" in names) == ("position" in HAS[kind])
    assert ("Heading error" in names) == ("heading" in HAS[kind])
    assert "Region accuracy" in names


@pytest.mark.parametrize("section", ["Photos", "Labels", "Split and leak", "Review"])
def test_the_data_page_shows_the_labels_that_there_are(
    opened: OpenPage, kind: Stripped, section: str
) -> None:
    text = said(opened("data", data_section=section))
    if section == "Photos":
        assert ("so there is no map" in text) == (kind == "regions")
    elif section == "Labels":
        assert ("so there is no chart of headings" in text) == ("heading" not in HAS[kind])
    elif section == "Split and leak":
        assert ("so there is no leak figure" in text) == (kind == "regions")


def test_the_evaluate_page_offers_the_labels_that_have_figures(
    opened: OpenPage, kind: Stripped
) -> None:
    app = opened("evaluate")
    offered = sections(app, "evaluate_section")
    expected = [name for name, label in SECTIONS.items() if label in HAS[kind]]
    retrieval = ["Retrieval"] if "position" in HAS[kind] else []
    assert offered == ["Overview", *expected, *retrieval, "Trust", "Files"]
    for section in offered[1:]:
        opened("evaluate", evaluate_section=section)


def test_a_section_of_another_model_is_not_kept(opened: OpenPage, kind: Stripped) -> None:
    app = opened("evaluate", evaluate_section="Headings")
    assert sections(app, "evaluate_section")[0] == "Overview"


def test_the_map_page_lists_photos_where_there_is_no_map(opened: OpenPage, kind: Stripped) -> None:
    app = opened("map")
    assert bool(app.get("deck_gl_json_chart")) == ("position" in HAS[kind])
    assert ("This model predicts no positions, so there is no map." in said(app)) == (
        kind == "regions"
    )
    [table] = app.dataframe
    assert ("heading_error_deg" in table.value) == ("heading" in HAS[kind])
    assert ("error_m" in table.value) == ("position" in HAS[kind])


def test_an_example_is_predicted_without_what_is_not_learned(
    opened: OpenPage, kind: Stripped
) -> None:
    app = opened("predict")
    example = next(one for one in app.button if one.key.startswith("open_predict_examples"))
    app = example.click().run()
    assert not app.exception
    assert not app.error
    names = {metric.label for metric in app.metric}
    assert "Region" in names
    assert ("Facing" in names) == ("heading" in HAS[kind])
    assert ("Position, 90 %" in names) == ("position" in HAS[kind])
    assert bool(app.get("deck_gl_json_chart")) == ("position" in HAS[kind])
    assert "Most similar training photos" in [one.value for one in app.subheader]
    known = {expander.label for expander in app.expander}
    offered = {"positions": "I know the region", "regions": None}
    expected = {offered.get(kind, "I know the region or heading")} - {None}
    assert {label for label in known if label.startswith("I know")} == expected


def test_only_what_is_predicted_is_explained(opened: OpenPage, kind: Stripped) -> None:
    app = opened("explain")
    [target] = [one for one in app.selectbox if one.key == "explain_target"]
    assert ("Heading" in target.options) == ("heading" in HAS[kind])
    assert any("osition" in option for option in target.options) == ("position" in HAS[kind])


@pytest.mark.parametrize("page", ["train", "tune", "runs"])
def test_jobs_are_listed(opened: OpenPage, kind: Stripped, page: str) -> None:
    opened(page)
