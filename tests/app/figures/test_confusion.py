import pandas as pd
import pytest

from app.figures.confusion import confusion_counts, confusion_matrix
from app.theme import DARK, LIGHT


@pytest.fixture
def errors() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "true_region": ["1", "1", "2", "10"],
            "region": ["1", "2", "2", "10"],
            "true_angle": [350.0, 10.0, 90.0, 180.0],
            "error_m": [4.0, 8.0, 20.0, 100.0],
            "error_refined_m": [2.0, 6.0, 12.0, 60.0],
            "heading_error_deg": [0.0, 30.0, 90.0, 180.0],
            "heading_error_refined_deg": [2.0, 10.0, 45.0, 179.0],
        }
    )


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
    assert squares.text[place] == "1 photos, 50% of the region"
