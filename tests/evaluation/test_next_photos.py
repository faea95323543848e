"""Where to photograph next: constructed campuses whose neediest cell is known."""

from itertools import permutations
from xml.etree import ElementTree

import numpy as np
import pytest

from core.errors import FrameError
from core.evaluation.next_photos import (
    Cell,
    pick_stops,
    rank_cells,
    walk_gpx,
    walk_length_m,
    walk_order,
)
from core.geo import CoordinateFrame, LocalFrame

HERE = LocalFrame(CoordinateFrame("degrees"), (17.445, 78.349))
AROUND = np.arange(8) * 45.0
# Middles of five cells in a row of 20 m, far enough apart that none is beside another.
SPOTS = np.array([[10.0, 10.0 + 60.0 * k] for k in range(5)])


def photos(*counts: int) -> tuple[np.ndarray, np.ndarray]:
    """So many training photos at each spot, whose headings go round and round."""
    places = np.concatenate([np.tile(spot, (n, 1)) for spot, n in zip(SPOTS, counts, strict=True)])
    return places, np.concatenate([np.resize(AROUND, n) for n in counts])


def order(cells: list[Cell]) -> list[int]:
    return [round((cell.middle_m[1] - 10.0) / 60.0) for cell in cells]


def test_the_cell_with_the_larger_error_comes_first() -> None:
    places, headings = photos(8, 8, 8, 8, 8)
    errors = np.array([5.0, 50.0, 5.0, 20.0, 5.0])
    cells = rank_cells(places, headings, SPOTS, errors)
    assert order(cells)[:2] == [1, 3]
    assert cells[0].median_error_m == 50.0
    assert cells[0].error == pytest.approx(50.0 / 55.0)
    assert (cells[0].missing, cells[0].training, cells[0].tested) == (0.0, 8, 1)


def test_the_cell_with_fewer_photos_comes_first() -> None:
    places, headings = photos(16, 16, 8, 16, 16)
    cells = rank_cells(places, headings, SPOTS, np.full(5, 5.0))
    assert order(cells)[0] == 2
    assert cells[0].lack == pytest.approx(16 / (16 + 8))


def test_the_cell_with_missing_headings_comes_first_and_names_them() -> None:
    places, headings = photos(8, 8, 8, 8, 8)
    headings[24:32] = [0.0, 359.0, 20.0, 45.0, 90.0, 100.0, 0.0, 0.0]
    cells = rank_cells(places, headings, SPOTS, np.full(5, 5.0))
    assert order(cells)[0] == 3
    assert cells[0].facing == ("SE", "S", "SW", "W", "NW")
    assert cells[0].missing == pytest.approx(5 / 8)
    # Without headings they count for nothing.
    blind = rank_cells(places, np.full(40, np.nan), SPOTS, np.array([5.0, 5, 5, 5, 9]))
    assert order(blind)[0] == 4
    assert blind[0].score == pytest.approx((blind[0].error + blind[0].lack) / 2)


def test_a_path_that_nobody_photographed_comes_first() -> None:
    places, headings = photos(8, 8, 8, 8, 8)
    path = np.array([[50.0, 50.0], [54.0, 50.0]])
    cells = rank_cells(places, headings, SPOTS, np.full(5, 5.0), ways_m=path)
    assert len(cells) == 6
    assert cells[0].middle_m == (52.0, 50.0)
    assert (cells[0].training, cells[0].tested, len(cells[0].facing)) == (0, 0, 8)
    assert np.isnan(cells[0].median_error_m)


def test_an_untested_cell_has_the_error_of_the_cells_around_it() -> None:
    places = np.array([[10.0, 10.0], [10.0, 30.0], [10.0, 200.0]])
    cells = rank_cells(
        places, np.zeros(3), np.array([[10.0, 10.0], [10.0, 400.0]]), np.array([60.0, 10.0])
    )
    by_east = {round(cell.middle_m[1]): cell for cell in cells}
    assert by_east[30].error == by_east[10].error == pytest.approx(60.0 / 95.0)
    assert by_east[200].error == pytest.approx(0.5)


def test_photos_without_a_position_and_no_photos_at_all_are_no_cells() -> None:
    nowhere = np.full((2, 2), np.nan)
    assert rank_cells(nowhere, np.zeros(2), nowhere, np.zeros(2)) == []
    (only,) = rank_cells(SPOTS[:1], np.zeros(1), nowhere, np.zeros(2))
    assert only.error == 0.5


def test_a_walk_is_as_short_as_the_best_of_all() -> None:
    places = np.random.default_rng(4).uniform(0, 100, (7, 2))
    made = walk_order(places)
    assert sorted(made) == list(range(7))
    best = min(walk_length_m(places[list(one)]) for one in permutations(range(7)))
    assert walk_length_m(places[made]) <= 1.05 * best
    assert len(walk_order(np.zeros((0, 2)))) == 0


def test_stops_are_the_neediest_that_do_not_crowd() -> None:
    places = np.array([[10.0, 10.0], [10.0, 30.0], [10.0, 90.0], [10.0, 150.0]])
    errors = np.array([50.0, 40.0, 30.0, 5.0])
    cells = rank_cells(places, np.zeros(4), places, errors)
    assert [round(cell.middle_m[1]) for cell in cells] == [10, 30, 90, 150]
    stops = pick_stops(cells, 3)
    assert sorted(round(cell.middle_m[1]) for cell in stops) == [10, 90, 150]
    assert pick_stops([], 3) == []


def test_the_walk_is_a_gpx_route_with_reasons() -> None:
    places, headings = photos(1, 8, 8, 8, 8)
    cells = rank_cells(places, headings, SPOTS, np.full(5, 5.0))[:3]
    root = ElementTree.fromstring(walk_gpx(cells, HERE))
    space = {"g": "http://www.topografix.com/GPX/1/1"}
    points = root.findall("g:wpt", space)
    assert len(points) == len(root.findall("g:rte/g:rtept", space)) == 3
    place = [float(points[0].get(name, "nan")) for name in ("lat", "lon")]
    assert HERE.from_degrees([place])[0] == pytest.approx(cells[0].middle_m, abs=0.01)
    assert "1 training photo, median error 5 m, nobody faced NE" in (
        points[0].findtext("g:desc", "", space)
    )
    plane = LocalFrame(CoordinateFrame("planar_metres"), (0.0, 0.0))
    with pytest.raises(FrameError):
        walk_gpx(cells, plane)
