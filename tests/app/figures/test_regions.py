import numpy as np
import pytest

from app.figures.regions import (
    heading_rose,
    region_counts,
    region_probabilities,
    sector_counts,
)
from app.theme import LIGHT


def test_the_first_sector_is_centred_on_north() -> None:
    counts = sector_counts([359.0, 1.0, 0.0, 90.0, np.nan], sectors=4)
    assert counts.tolist() == [3, 1, 0, 0]


def test_a_rose_has_north_up_and_runs_clockwise() -> None:
    figure = heading_rose([0.0, 90.0], LIGHT)
    axis = figure.layout.polar.angularaxis
    assert axis.rotation == 90
    assert axis.direction == "clockwise"
    petals, targets = figure.data
    assert sum(petals.r) == 2
    assert list(targets.customdata[0]) == [352.5, 7.5]
    faint = heading_rose([0.0, 90.0], LIGHT, chosen=(350.0, 20.0)).data[0]
    assert list(faint.marker.opacity[:3]) == [1.0, 1.0, 0.3]


def test_region_counts_stack_by_part() -> None:
    figure = region_counts({"train": {"Gate": 3, "Lake": 1}, "test": {"Gate": 1, "Lake": 0}}, LIGHT)
    assert [trace.name for trace in figure.data] == ["train", "test"]
    assert list(figure.data[0].y) == [3, 1]
    assert figure.layout.barmode == "stack"
    assert figure.layout.yaxis.title.text == "Photos"
    ids = {"Gate": "1", "Lake": "2"}
    (bars,) = region_counts({"photos": {"Gate": 3, "Lake": 1}}, LIGHT, ids, ["2"]).data
    assert list(bars.marker.opacity) == [0.3, 1.0]
    assert [list(one) for one in bars.customdata] == [["1"], ["2"]]


def test_probabilities_show_the_likeliest_first_and_sum_up_the_rest() -> None:
    shares = [0.05, 0.6, 0.1, 0.25]
    bars = region_probabilities(shares, ["a", "b", "c", "d"], LIGHT, most=2).data[0]
    assert list(bars.y) == ["b", "d", "all others"]
    assert list(bars.x) == pytest.approx([60, 25, 15])


def test_probabilities_of_few_regions_have_no_rest() -> None:
    assert list(region_probabilities([0.3, 0.7], ["a", "b"], LIGHT).data[0].y) == ["b", "a"]
