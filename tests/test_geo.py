import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import FrameError
from core.geo import (
    CoordinateFrame,
    LocalFrame,
    circular_mean_deg,
    distance_m,
    far_from_middle,
    heading_difference_deg,
    heading_error_deg,
    heading_from_unit,
    heading_unit,
    off_campus,
    wrap_heading_deg,
)

DEGREES = CoordinateFrame("degrees")
MICRO = CoordinateFrame("scaled_degrees", 1e-6, 17.22655, 78.20545)
PLANAR = CoordinateFrame("planar_metres")
HYDERABAD = (17.445, 78.349)


@pytest.mark.trap(name="angles that wrap")
@pytest.mark.parametrize(
    ("first", "second", "error"),
    [(359, 1, 2), (0, 360, 0), (359.9, 0.1, 0.2), (10, 190, 180), (350, 10, 20), (90, 45, 45)],
)
def test_heading_error_goes_the_short_way_round(first: float, second: float, error: float) -> None:
    assert heading_error_deg(first, second) == pytest.approx(error)
    assert heading_error_deg(second, first) == pytest.approx(error)


def test_heading_difference_is_signed_clockwise() -> None:
    assert heading_difference_deg(10, 350) == pytest.approx(20)
    assert heading_difference_deg(350, 10) == pytest.approx(-20)


@given(st.floats(-1e6, 1e6))
def test_wrapped_headings_lie_in_one_turn(heading: float) -> None:
    wrapped = float(wrap_heading_deg(heading))
    assert 0.0 <= wrapped < 360.0
    assert heading_error_deg(wrapped, heading) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.trap(name="angles that wrap")
def test_a_tiny_negative_heading_wraps_to_zero_not_360() -> None:
    assert wrap_heading_deg(-1e-15) == 0.0


@pytest.mark.trap(name="atan2 in the wrong order, vectors of length zero")
def test_units_and_headings_round_trip_for_every_degree() -> None:
    headings = np.arange(360.0)
    np.testing.assert_allclose(heading_from_unit(heading_unit(headings)), headings, atol=1e-9)
    np.testing.assert_allclose(heading_from_unit(7.5 * heading_unit(headings)), headings, atol=1e-9)


@pytest.mark.trap(name="mathematical and compass angles")
def test_heading_unit_is_north_east() -> None:
    np.testing.assert_allclose(heading_unit(0.0), [1, 0], atol=1e-12)
    np.testing.assert_allclose(heading_unit(90.0), [0, 1], atol=1e-12)


def test_circular_mean_crosses_north_and_tells_when_it_says_nothing() -> None:
    mean, length = circular_mean_deg([350.0, 10.0])
    assert heading_error_deg(mean, 0.0) < 1e-9
    assert length == pytest.approx(np.cos(np.deg2rad(10)))
    assert circular_mean_deg([0.0, 180.0])[1] == pytest.approx(0.0, abs=1e-12)


def test_circular_mean_weights_each_row() -> None:
    mean, _ = circular_mean_deg([[0.0, 90.0], [0.0, 90.0]], [[1.0, 0.0], [1.0, 1.0]])
    np.testing.assert_allclose(mean, [0.0, 45.0], atol=1e-9)


@pytest.mark.trap(name="which radius the Earth has")
def test_a_hundred_metres_north_and_east_are_a_hundred_metres() -> None:
    # Reference: WGS 84 geodesics from 17.445 N (PROJ geod), to a millimetre.
    local = LocalFrame(DEGREES, HYDERABAD)
    north = local.to_metres([(17.44590356, 78.349)])[0]
    east = local.to_metres([(17.445, 78.34994138)])[0]
    np.testing.assert_allclose(north, [100.0, 0.0], atol=0.01)
    np.testing.assert_allclose(east, [0.0, 100.0], atol=0.01)


@pytest.mark.parametrize("frame", [DEGREES, MICRO, PLANAR])
def test_labels_and_metres_round_trip(frame: CoordinateFrame) -> None:
    origin = HYDERABAD if frame is DEGREES else (219_700.0, 143_600.0)
    local = LocalFrame(frame, origin)
    metres = np.array([[0.0, 0.0], [310.5, -207.25], [-0.01, 0.01]])
    np.testing.assert_allclose(local.to_metres(local.to_labels(metres)), metres, atol=1e-6)


@pytest.mark.trap(name="degrees in float32")
def test_points_a_metre_apart_in_degrees_are_resolved_to_a_millimetre() -> None:
    # float32 degrees at 78 E come in steps of 0.85 m.
    local = LocalFrame(DEGREES, HYDERABAD)
    labels = local.to_labels([[0.0, 0.0], [0.0, 1.0]])
    metres = local.to_metres(labels)
    assert distance_m(metres[0], metres[1]) == pytest.approx(1.0, abs=1e-3)


def test_scaled_labels_span_the_metres_of_their_scale() -> None:
    local = LocalFrame(MICRO, (219_700.0, 143_600.0))
    north, east = local.to_metres([[220_700.0, 143_600.0], [219_700.0, 144_600.0]])
    assert north[0] == pytest.approx(110.7, abs=0.5)
    assert east[1] == pytest.approx(106.3, abs=0.5)


@pytest.mark.trap(name="errors squared in degrees or label units")
def test_a_distance_is_three_four_five() -> None:
    assert distance_m([[0.0, 0.0]], [[3.0, 4.0]]) == pytest.approx([5.0])


@pytest.mark.trap(name="geodesy on numbers that are no degrees")
def test_planar_positions_are_refused_as_degrees() -> None:
    with pytest.raises(FrameError, match="planar metres"):
        PLANAR.to_degrees([[1.0, 2.0]])
    with pytest.raises(FrameError, match="planar"):
        LocalFrame(PLANAR, (0.0, 0.0)).to_degrees([[1.0, 2.0]])


@pytest.mark.trap(name="geodesy on numbers that are no degrees")
def test_numbers_off_the_earth_are_refused_by_row() -> None:
    with pytest.raises(FrameError, match=r"row 1.*\[frame\]"):
        DEGREES.to_degrees([[17.0, 78.0], [219_698.0, 144_782.0]])


@pytest.mark.parametrize("scale", [0.0, float("nan"), float("inf")])
def test_a_frame_without_a_usable_scale_is_refused(scale: float) -> None:
    with pytest.raises(FrameError, match="scale"):
        CoordinateFrame("scaled_degrees", scale)


def test_an_unknown_frame_kind_is_refused() -> None:
    with pytest.raises(FrameError, match="scaled_degrees"):
        CoordinateFrame("furlongs")  # type: ignore[arg-type]


def test_the_local_origin_stays_on_campus_when_labels_are_grossly_wrong() -> None:
    labels = np.array([[10.0, 20.0]] * 9 + [[9e6, -9e6]])
    assert LocalFrame.about(PLANAR, labels).origin == (10.0, 20.0)


def test_positions_of_another_shape_are_a_caller_mistake() -> None:
    with pytest.raises(ValueError, match=r"\(n, 2\)"):
        LocalFrame(PLANAR, (0.0, 0.0)).to_metres([1.0, 2.0])


def plane_of_photos() -> np.ndarray:
    """120 positions of a campus of 400 m, `[north_m, east_m]`."""
    return np.random.default_rng(4).uniform(-200.0, 200.0, (120, 2))


PLACES = {
    "the demo": (12.0, 77.0),
    "the antimeridian": (-16.8, 180.0),
    "the antimeridian, mostly west": (-16.8, -179.9991),
    "the equator": (0.0, -78.45),
    "60 south": (-60.0, -26.0),
    "the origin of degrees": (0.0, 0.0),
}


@pytest.mark.trap(name="an area on both sides of 180 degrees")
@pytest.mark.parametrize("where", PLACES)
def test_a_campus_has_the_same_metres_wherever_it_lies(where: str) -> None:
    metres = plane_of_photos()
    labels = LocalFrame(DEGREES, PLACES[where]).to_degrees(metres)
    assert np.abs(labels[:, 1]).max() <= 180.0
    local = LocalFrame.about(DEGREES, labels)
    back = local.to_metres(labels)
    apart = distance_m(metres[:, None], metres[None, :])
    np.testing.assert_allclose(distance_m(back[:, None], back[None, :]), apart, atol=0.01)
    assert distance_m(back, [0.0, 0.0]).max() < 400.0
    assert abs(local.origin[1]) <= 180.0


@pytest.mark.trap(name="an area on both sides of 180 degrees")
@pytest.mark.parametrize("origin_longitude", [0.0, 180.0, 179.999, -179.999])
def test_scaled_labels_keep_their_metres_across_the_antimeridian(origin_longitude: float) -> None:
    frame = CoordinateFrame("scaled_degrees", 1e-6, -17.0, origin_longitude)
    metres = plane_of_photos()
    labels = frame.from_degrees(LocalFrame(DEGREES, (-16.8, 180.0)).to_degrees(metres))
    local = LocalFrame.about(frame, labels)
    back = local.to_metres(labels)
    np.testing.assert_allclose(np.ptp(back, axis=0), np.ptp(metres, axis=0), atol=0.01)
    np.testing.assert_allclose(local.to_metres(local.to_labels(back)), back, atol=1e-6)
    assert np.ptp(local.to_labels(back), axis=0).max() < 10_000


def test_an_ordinary_area_with_rows_of_the_other_hemisphere_keeps_its_middle() -> None:
    labels = np.array([[12.0, 77.0]] * 9 + [[12.0, -170.0], [0.0, 0.0]])
    assert LocalFrame.about(DEGREES, labels).origin == (12.0, 77.0)
    labels = np.array([[-16.8, 179.999]] * 6 + [[-16.8, -179.999]] * 5 + [[0.0, 0.0]] * 4)
    assert LocalFrame.about(DEGREES, labels).origin[1] == pytest.approx(179.999)


def test_longitudes_of_polygons_go_on_beyond_the_antimeridian() -> None:
    local = LocalFrame(DEGREES, (-16.8, 179.9995))
    ring = [[0.0, -100.0], [0.0, 100.0], [100.0, 0.0]]
    wrapped, unwrapped = local.to_degrees(ring), local.to_degrees(ring, unwrapped=True)
    assert wrapped[:, 1].min() < -179.0
    assert np.ptp(unwrapped[:, 1]) < 0.01
    np.testing.assert_allclose(np.mod(wrapped - unwrapped, 360.0), 0.0, atol=1e-9)


def test_positions_of_another_place_are_far_from_the_middle() -> None:
    points = np.vstack([plane_of_photos(), [[13_000.0, 0.0]] * 3])
    assert np.flatnonzero(far_from_middle(points)).tolist() == [120, 121, 122]
    assert far_from_middle(np.empty((0, 2))).tolist() == []


def test_the_second_spot_of_a_small_campus_is_on_it() -> None:
    two_spots = np.vstack([np.zeros((36, 2)), np.full((4, 2), 300.0)])
    assert not off_campus(two_spots).any()
    stray = np.vstack([plane_of_photos(), [[13_000.0, 0.0]] * 3])
    assert np.flatnonzero(off_campus(stray)).tolist() == [120, 121, 122]
