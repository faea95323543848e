import pandas as pd

from app.figures import parallel
from app.figures.confusion import confusion_counts, confusion_matrix
from app.figures.errors import heading_error_by_heading, position_error_cdf
from app.theme import LIGHT
from app.widgets.figure_files import page_of, table_of
from core.project import PROJECT

ERRORS = pd.DataFrame(
    {
        "true_region": ["1", "1", "2"],
        "region": ["1", "2", "2"],
        "true_angle": [0.0, 10.0, 90.0],
        "error_m": [4.0, 8.0, 20.0],
        "error_refined_m": [2.0, 6.0, 12.0],
        "heading_error_deg": [1.0, 3.0, 50.0],
        "heading_error_refined_deg": [1.0, 2.0, 40.0],
    }
)


def test_the_data_of_a_chart_are_what_it_draws() -> None:
    baselines = pd.DataFrame({"name": ["mean"], "within_m": [10], "share": [0.1]})
    table = table_of(position_error_cdf(ERRORS, LIGHT, baselines))
    refined = table[table["series"] == "refined by training photos"]
    assert refined["x"].tolist() == [2.0, 6.0, 12.0]
    assert table[table["series"] == "baselines"][["x", "y", "text"]].to_numpy().tolist() == [
        [10, 10, "mean"]
    ]
    matrix = table_of(confusion_matrix(confusion_counts(ERRORS, ["1", "2"]), {}, LIGHT))
    assert matrix[["y", "x", "text"]].to_numpy().tolist() == [
        ["1", "1", "1"], ["1", "2", "1"], ["2", "1", ""], ["2", "2", "1"]
    ]  # fmt: skip
    rose = table_of(heading_error_by_heading(ERRORS, LIGHT))
    assert rose["theta"].tolist() == [0.0, 90.0, 0.0, 90.0]
    assert rose["r"].tolist() == [2.0, 50.0, 1.5, 40.0]


def test_a_saved_page_needs_no_network_and_shows_no_markup() -> None:
    page = page_of(position_error_cdf(ERRORS, LIGHT), "Errors")
    assert "<script src=" not in page
    assert "plotly.js v" in page


def test_lines_through_axes_are_rows_with_a_column_for_each_axis() -> None:
    axes = [
        parallel.axis_of("Batch<br>size", ["16", "64"]),
        parallel.axis_of("Backbone", ["b", "a"]),
        parallel.axis_of("Rate", ["0.002", "0.3"]),
    ]
    table = table_of(parallel.lines(axes, [3.0, 2.0], "Median error (m)", False, LIGHT))
    assert table["Batch size"].tolist() == [16, 64]
    assert table["Backbone"].tolist() == ["b", "a"]
    assert table["Rate"].tolist() == [0.002, 0.3]
    assert table["Median error (m)"].tolist() == [3.0, 2.0]


# A board to click on, and a picture of a result, which the page offers as a file itself.
UNSAVED = {"app/play/game.py", "app/selection/filters.py"}


def test_every_chart_can_be_saved() -> None:
    for file in [*(PROJECT / "app").rglob("*.py"), *(PROJECT / "pages").glob("*.py")]:
        name, text = file.relative_to(PROJECT).as_posix(), file.read_text()
        draws = any(call in text for call in ("plotly_chart(", "filters.chart(", "ble_chart("))
        handed_on = "-> go.Figure:" in text or "-> dict[str, go.Figure]:" in text
        assert not draws or name in UNSAVED or handed_on or "figure_files.offer(" in text, name
