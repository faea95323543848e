import pandas as pd

from app.figures.curves import curve
from app.theme import DARK, LIGHT


def test_a_curve_keeps_one_line_a_series_and_its_zoom() -> None:
    table = pd.DataFrame(
        {"series": ["a", "b", "a"], "epoch": [1, 1, 2], "value": [3.0, 2.0, float("nan")]}
    )
    figure = curve(table, "Loss", "", LIGHT)
    assert [line.name for line in figure.data] == ["a", "b"]
    assert list(figure.data[0].x) == [1, 2]
    assert figure.data[0].line.dash != figure.data[1].line.dash
    assert figure.layout.uirevision == "Loss"


def test_an_empty_curve_is_still_a_figure() -> None:
    table = pd.DataFrame({"series": [], "epoch": [], "value": []})
    assert len(curve(table, "Loss", "", LIGHT).data) == 0


def test_lines_stand_out_from_the_ground_of_their_theme() -> None:
    table = pd.DataFrame({"series": ["a"], "epoch": [1], "value": [3.0]})
    colours = [curve(table, "Loss", "", theme).data[0].line.color for theme in (LIGHT, DARK)]
    assert colours == ["#0072B2", "#56B4E9"]
