"""What a model states of its answers: charts that filter, and reports that lack what they need."""

from collections.abc import Callable
from math import inf
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from app.evaluate.trust_view import _confidence_of, covered
from app.selection import filters, photo_facts
from app.selection.photo_filter import PhotoFilter
from core.geo import CoordinateFrame, LocalFrame

OpenPage = Callable[..., AppTest]

ROWS = pd.DataFrame(
    {
        "photo_id": list("abcd"), "filename": list("abcd"),
        "true_region": ["1", "1", "2", ""], "region": ["1", "2", "2", "2"],
        "error_m": [1.0, 2.0, 3.0, 4.0], "error_refined_m": [1.0, 12.0, 30.0, float("nan")],
        "heading_error_deg": 0.0, "heading_error_refined_deg": [1.0, 50.0, 3.0, 4.0],
        "true_angle": 0.0, "true_north_m": 0.0, "true_east_m": 0.0,
        "region_probability": [0.5, 0.6, 0.7, 0.8],
        "region_probability_calibrated": [0.95, 0.55, 1.0, 0.2],
        "radius_50_m": 5.0, "radius_90_m": [10.0, 10.0, 40.0, 10.0],
        "wedge_90_deg": 20.0, "in_region_90": [1.0, 0.0, float("nan"), float("nan")],
        "similarity": [0.9, 0.4, 0.8, 0.1], "refused": [False, False, True, False],
    }
)  # fmt: skip
FRAME = LocalFrame(CoordinateFrame(kind="planar_metres"), (0.0, 0.0))


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        (PhotoFilter(confidence=(0.9, inf)), "ac"),
        (PhotoFilter(radius_m=(0.0, 20.0)), "abd"),
        (PhotoFilter(outside=True), "b"),
        (PhotoFilter(outside=False), "acd"),
        (PhotoFilter(similarity=(0.3, 0.85)), "bc"),
        (PhotoFilter(refused=True), "c"),
    ],
)
def test_what_a_model_states_is_a_filter(wanted: PhotoFilter, kept: str) -> None:
    facts = photo_facts.of_outcomes(ROWS, FRAME, raw=False)
    assert "".join(wanted.apply(facts)["photo_id"]) == kept
    again, notes = PhotoFilter.from_query(wanted.to_query())
    assert (again, notes) == (wanted, [])
    assert len(wanted.chips({})) == 1


def test_coverage_of_some_photos_is_counted_where_the_truth_is_known() -> None:
    found = covered(ROWS, (0.5, 0.9))
    assert found["radius"] == {0.5: pytest.approx(1 / 3), 0.9: pytest.approx(2 / 3)}
    assert found["wedge"] == {0.9: 0.75}
    assert found["region"] == {0.9: 0.5}


def test_a_doubt_is_one_less_the_confidence() -> None:
    points = [{"customdata": [0.1, 0.2]}, {"customdata": [0.2, 0.3]}]
    low, high = _confidence_of({"points": points}) or (0.0, 0.0)
    assert (low, high) == (pytest.approx(0.7), pytest.approx(0.901))
    assert _confidence_of({"points": [{"customdata": [0.0, -1.0]}]}) == (0.0, inf)
    assert _confidence_of({"points": []}) is None
    chosen = filters.photos_of({"points": [{"customdata": ["a"]}, {"customdata": ["a"]}]})
    assert chosen == ("a",)


def test_a_report_of_an_earlier_version_says_that_it_has_no_recall(
    workspace_copy: Path, open_page: OpenPage
) -> None:
    path = workspace_copy / "checkpoints" / "tiny" / "report" / "predictions.csv"
    table = pd.read_csv(path, dtype={"true_region": str, "region": str})
    table.drop(columns=["neighbours_m", "similarity"]).to_csv(path, index=False)
    app = open_page(workspace_copy, "evaluate", evaluate_section="Retrieval")
    assert not app.exception
    assert [box.value for box in app.info].count(app.info[0].value) == 1
    assert "An earlier version made this report" in app.info[0].value


def test_trust_shows_the_photos_of_a_filter(full_workspace: Path, open_page: OpenPage) -> None:
    app = open_page(full_workspace, "evaluate", evaluate_section="Trust", wrong="yes")
    assert not app.exception
    assert not app.error
    assert any("Wrong region" in one.label for one in app.button)
    app = open_page(full_workspace, "evaluate", evaluate_section="Overview", region="1")
    assert not app.exception
    assert "Photos of the filter against all" in [one.value for one in app.subheader]
