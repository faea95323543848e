import pandas as pd
import pytest

from app.figures.confusion import confusion_counts, confusion_matrix
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
