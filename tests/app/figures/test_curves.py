import pandas as pd

from app.figures.curves import curve


def test_a_curve_keeps_one_line_a_series_and_its_zoom() -> None:
    table = pd.DataFrame(
        {"series": ["a", "b", "a"], "epoch": [1, 1, 2], "value": [3.0, 2.0, float("nan")]}
    )
    figure = curve(table, "Loss", "")
    assert [line.name for line in figure.data] == ["a", "b"]
    assert list(figure.data[0].x) == [1, 2]
    assert figure.data[0].line.dash != figure.data[1].line.dash
    assert figure.layout.uirevision == "Loss"


def test_an_empty_curve_is_still_a_figure() -> None:
    assert len(curve(pd.DataFrame({"series": [], "epoch": [], "value": []}), "Loss", "").data) == 0
