import re
from xml.etree import ElementTree

import numpy as np
import pytest

from app.figures.drawings import SIDE, compass, horizon, inset
from app.theme import LIGHT


def points(shape: ElementTree.Element) -> np.ndarray:
    """Corners of a polygon in pixels `[right, down]`."""
    return np.array([pair.split(",") for pair in shape.attrib["points"].split()], float)


@pytest.mark.parametrize(("heading", "right", "down"), [(0, 0, -1), (90, 1, 0), (180, 0, 1)])
def test_the_needle_points_where_the_camera_faced(heading: float, right: int, down: int) -> None:
    drawing = ElementTree.fromstring(compass(heading, 20.0, LIGHT))
    [needle] = drawing.iterfind("{*}polygon")
    tip = points(needle)[0] - SIDE / 2
    assert tip / np.hypot(*tip) == pytest.approx([right, down], abs=0.01)


def test_the_wedge_is_drawn_only_if_it_is_known() -> None:
    assert "<path" in compass(10.0, 30.0, LIGHT)
    assert "<path" not in compass(10.0, float("nan"), LIGHT)
    wide = compass(10.0, 120.0, LIGHT)
    assert re.search(r"A44.0,44.0 0 1 1", wide), "more than half of all directions"


def test_the_inset_shows_where_the_map_is_on_the_campus() -> None:
    square = np.array([[0.0, 0.0], [0.0, 400.0], [400.0, 400.0], [400.0, 0.0]])
    box, pin = np.array([[300.0, 0.0], [400.0, 100.0]]), np.array([350.0, 50.0])
    drawing = ElementTree.fromstring(inset([square], square, box, pin, LIGHT))
    _, frame = drawing.iterfind("{*}rect")
    [dot] = drawing.iterfind("{*}circle")
    left, top = float(frame.attrib["x"]), float(frame.attrib["y"])
    assert left < float(dot.attrib["cx"]) < SIDE / 2, "west"
    assert top < float(dot.attrib["cy"]) < SIDE / 2, "north is up"


def test_the_horizon_turns_about_the_first_heading() -> None:
    drawing = ElementTree.fromstring(horizon({"#111111": 350.0, "#222222": 20.0}, LIGHT))
    first, second = (points(mark)[0, 0] for mark in drawing.iterfind("{*}polygon"))
    assert first == pytest.approx(float(drawing.attrib["width"]) / 2)
    assert second - first == pytest.approx(30.0 / 360.0 * float(drawing.attrib["width"]))
