import numpy as np

from app.play.guess_map import campus_plan
from app.theme import LIGHT
from core.geo import CoordinateFrame, LocalFrame


def test_names_of_near_regions_stand_apart_and_on_the_map() -> None:
    frame = LocalFrame(CoordinateFrame("degrees"), (12.0, 77.0))
    # Two regions side by side, 5 m apart, and one at the eastern border.
    middles = {"1": (0.0, 0.0), "2": (0.0, 5.0), "3": (200.0, 195.0), "4": (-200.0, -200.0)}
    region = [name for name in middles for _ in range(9)]
    spread = np.array([[north, east] for north in (-3, 0, 3) for east in (-3, 0, 3)], np.float64)
    places_m = np.concatenate([np.add(middle, spread) for middle in middles.values()])
    names = {"1": "Innovation Park", "2": "Lake Garden", "3": "Administration", "4": "Main Gate"}
    figure, ground = campus_plan(frame, places_m, region, list(middles), names, None, LIGHT)
    drawn = next(trace for trace in figure.data if trace.mode == "text")
    where = dict(zip(drawn.text, zip(drawn.x, drawn.y, strict=True), strict=True))
    metre_px = 400 / (1.08 * (ground.extent_m[2] - ground.extent_m[0]))
    near = np.subtract(where["Innovation Park"], where["Lake Garden"]) * metre_px
    assert abs(near[1]) >= 11 or abs(near[0]) >= 80, "a line of letters, or their width"
    assert where["Administration"][0] + 0.3 * 11 * 14 / metre_px <= ground.extent_m[3] + 0.1
