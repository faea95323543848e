import numpy as np
import pandas as pd
import pytest

from app.figures.confusion import by_geography, confusion_counts, confusion_matrix
from app.theme import DARK, LIGHT


def test_confusion_counts_keep_every_region_in_order(errors: pd.DataFrame) -> None:
    counts = confusion_counts(errors, ["1", "2", "3", "10"])
    assert counts.to_numpy().tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]]


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_a_confusion_cell_carries_its_true_and_predicted_region(
    errors: pd.DataFrame, palette: object
) -> None:
    figure = confusion_matrix(
        confusion_counts(errors, ["1", "2", "10"]), {"1": "1 Gate", "2": "2", "10": "10"}, palette
    )
    heat, squares = figure.data
    assert heat.z[0].tolist() == [0.5, 0.5, 0.0], "colour is the share of the true region"
    place = [list(pair) for pair in squares.customdata].index(["1", "2"])
    assert (squares.y[place], squares.x[place]) == ("1 Gate", "2"), "rows are the truth"
    assert squares.text[place] == "1 photos, 50 % of the region"


def test_cells_are_square_and_the_selected_one_has_a_frame(errors: pd.DataFrame) -> None:
    counts = confusion_counts(errors, ["1", "2", "10"])
    figure = confusion_matrix(counts, {"1": "Gate"}, LIGHT, chosen=("1", "2"))
    assert figure.layout.yaxis.scaleanchor == "x"
    (frame,) = figure.layout.shapes
    assert (frame.x0, frame.x1, frame.y0, frame.y1) == (0.5, 1.5, -0.5, 0.5)
    assert not confusion_matrix(counts, {}, LIGHT, chosen=("1", "7")).layout.shapes


def test_near_regions_stand_side_by_side() -> None:
    middles = {"1": [0, 0], "2": [0, 300], "3": [0, 10], "4": [0, 290], "5": [np.nan, np.nan]}
    assert by_geography(middles, ["1", "2", "3", "4", "5", "6"]) == ["1", "3", "4", "2", "5", "6"]
    assert by_geography({}, ["2", "1"]) == ["2", "1"]
