"""Axes of parallel coordinates: numbers, choices, and names that neighbours leave room for."""

import pytest

from app.figures.parallel import axis_of, broken


def test_numbers_get_a_scale_and_words_a_step_each() -> None:
    assert axis_of("a", ["5", "12", "8"]) == {
        "label": "a", "values": [5.0, 12.0, 8.0], "range": [5.0, 12.0],
    }  # fmt: skip
    wide = axis_of("lr", ["0.001", "0.1"])
    assert wide["values"] == pytest.approx([-3.0, -1.0]), "a factor of 100 is logarithmic"
    assert wide["ticktext"] == ["0.001", "0.01", "0.1"]
    words = axis_of("split", ["spot", "random", "spot"])
    assert words["ticktext"] == ["random", "spot"]
    assert words["values"] == [1, 0, 1]
    assert axis_of("one", ["3", "3"])["ticktext"] == ["3"], "a scale needs two ends"
    assert axis_of("half", ["3", ""])["ticktext"] == ["", "3"]


def test_names_are_broken_into_two_lines_of_similar_length() -> None:
    assert broken("seed") == "seed"
    assert broken("stage2.lr_heads") == "stage2<br>lr heads"
    assert broken("Region accuracy (%)") == "Region<br>accuracy (%)"
