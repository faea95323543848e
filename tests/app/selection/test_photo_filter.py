"""The filter of photos: into an address and back, applied, and in words."""

from dataclasses import fields
from urllib.parse import urlencode

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.selection.filter_fields import FIELDS, MOST_CORNERS, PhotoFacts, box, outline
from app.selection.photo_filter import PhotoFilter
from core.geo import CoordinateFrame, LocalFrame, inside

FRAME = LocalFrame(CoordinateFrame("degrees"), (17.445, 78.349))

NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
SPANS = st.none() | st.tuples(NUMBERS, NUMBERS) | st.tuples(st.floats(0, 200), st.floats(200, 360))
TEXTS = st.lists(st.text(max_size=30), max_size=60).map(tuple)
AREAS = st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), max_size=60).map(tuple)
FILTERS = st.builds(
    PhotoFilter,
    regions=TEXTS, cell=st.lists(st.text(max_size=20), max_size=3).map(tuple), wrong=st.booleans(),
    error_m=SPANS, heading_error_deg=SPANS, facing_deg=SPANS, hours=SPANS,
    refused=st.sampled_from([None, True, False]), parts=TEXTS, tags=TEXTS,
    area=AREAS, pca=AREAS, tsne=AREAS, photos=TEXTS, text=st.text(max_size=300), raw=st.booleans(),
)  # fmt: skip

FACTS = PhotoFacts(
    # Two regions, one photo predicted wrongly, one without labels.
    pd.DataFrame(
        {
            "photo_id": ["a", "b", "c", "d"],
            "filename": ["a.jpg", "B.jpg", "c.jpg", "d.jpg"],
            "region": ["1", "1", "2", ""],
            "predicted": ["1", "2", "2", "1"],
            "error_m": [1.0, 10.0, 25.0, np.nan],
            "heading_deg": [5.0, 355.0, 180.0, np.nan],
            "hour": [8.0, 12.5, 17.99, np.nan],
            "refused": [False, True, False, False],
            "tags": [("blurred",), (), ("blurred", "night"), ()],
            "north_m": [0.0, 100.0, 0.0, np.nan],
            "east_m": [0.0, 0.0, 100.0, np.nan],
        }
    ),
    FRAME,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(FILTERS)
def test_an_address_holds_every_filter(made: PhotoFilter) -> None:
    query = made.to_query()
    assert PhotoFilter.from_query(query) == (made, [])
    assert sum(len(text) for texts in query.values() for text in texts) < 10_000


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from([each.parameter for each in FIELDS]),
        st.lists(
            st.text() | st.from_regex(r"-?[\d.einfa]{0,9}(\.\.|,)[\d.;,einfa]{0,12}"), max_size=50
        ),
        max_size=5,
    )
)
def test_no_address_raises(query: dict[str, list[str]]) -> None:
    made, notes = PhotoFilter.from_query(query)
    assert PhotoFilter.from_query(made.to_query()) == (made, [])
    kept, more = made.usable(FACTS)
    assert len(kept.apply(FACTS)) <= 4
    kept.chips({})
    # Neither says what the address holds beyond names that a filter may have.
    assert all(len(note) < 8_000 for note in [*notes, *more])


@pytest.mark.parametrize(
    ("query", "photos"),
    [
        ({}, "abcd"),
        ({"region": ["1"]}, "ab"),
        ({"region": ["1", "2"]}, "abc"),
        ({"cell": ["1", "2"]}, "b"),
        ({"wrong": ["yes"]}, "b"),
        ({"error": ["10..25"]}, "b"),
        ({"error": ["10.."]}, "bc"),
        ({"facing": ["345..15"]}, "ab"),
        ({"facing": ["170..190"]}, "c"),
        ({"hours": ["8..12.5"]}, "a"),
        ({"refused": ["no"], "region": ["1"]}, "a"),
        ({"tag": ["night"]}, "c"),
        ({"row": ["d", "b"]}, "bd"),
        ({"name": ["b.J"]}, "b"),
    ],
)
def test_photos_that_pass(query: dict[str, list[str]], photos: str) -> None:
    made, notes = PhotoFilter.from_query(query)
    assert notes == []
    assert "".join(made.apply(FACTS)["photo_id"]) == photos
    assert bool(made) == bool(query)


def test_a_lasso_holds_the_photos_inside_and_stays_short() -> None:
    turn = np.linspace(0, 2 * np.pi, 3_000, endpoint=False)
    around_m = np.stack([100 + 20 * np.cos(turn), 20 * np.sin(turn)], axis=1)
    corners = [tuple(corner) for corner in FRAME.to_labels(around_m)]
    made = PhotoFilter(area=tuple(corners))
    assert len(made.area) == MOST_CORNERS
    assert made.apply(FACTS)["photo_id"].tolist() == ["b"]
    kept_m = FRAME.to_metres(np.array(made.area))
    assert np.hypot(*(kept_m - [100, 0]).T) == pytest.approx(20, abs=0.3)
    assert len(urlencode(made.to_query(), doseq=True)) < 1_000


def test_an_area_across_180_degrees_is_one_area() -> None:
    frame = LocalFrame(CoordinateFrame("degrees"), (-17.0, 179.9999))
    table = pd.DataFrame({"photo_id": ["west", "east"], "north_m": 0.0, "east_m": [-30.0, 30.0]})
    across = PhotoFilter(area=box((-17.001, 179.999), (-16.999, -179.999)))
    east = PhotoFilter(area=box((-17.001, -179.9999), (-16.999, -179.99)))
    assert len(across.apply(PhotoFacts(table, frame))) == 2
    assert east.apply(PhotoFacts(table, frame))["photo_id"].tolist() == ["east"]


def test_a_polygon_with_a_dent_is_not_its_hull() -> None:
    dented = [(0, 0), (0, 4), (4, 4), (4, 0), (2, 2)]
    assert inside(dented, [(1, 2), (3.9, 2), (2, 0.5)]).tolist() == [True, True, False]
    assert outline([(0, 0), (1, 1)]) == ()
    assert outline([(0, 0), (1, float("nan")), (2, 0)]) == ()


def test_what_a_view_does_not_know_is_not_used_and_named() -> None:
    made = PhotoFilter(regions=("1", "<b>7"), heading_error_deg=(0, 30), cell=("1", "9"))
    kept, notes = made.usable(FACTS)
    assert kept == PhotoFilter(regions=("1",))
    assert notes == [
        "Not used here, no photo has it: Region <b>7.",
        "Not used here, no photo has it: Predicted as 9.",
        "Not used here: Heading error.",
    ]
    assert PhotoFilter(raw=True).usable(FACTS) == (PhotoFilter(raw=True), [])


def test_chips_say_what_is_selected_and_each_clears_its_own() -> None:
    made = PhotoFilter(
        regions=("1", "2"), cell=("1", "2"), error_m=(10, 25), facing_deg=(345, 15),
        hours=(8, 12.5), refused=True, photos=("a", "b"), raw=True,
    )  # fmt: skip
    chips = made.chips({"1": "Gate"})
    assert [words for words, _ in chips] == [
        "Region: Gate", "Region: 2", "Gate predicted as 2", "Error 10.0 m to 25.0 m",
        "Facing 345° to 15° (N)", "08:00 to 12:30", "Refused", "2 chosen photos",
    ]  # fmt: skip
    assert chips[0][1].regions == ("2",)
    assert chips[3][1] == made.without("error_m")
    for _, rest in chips:
        assert rest != made
    assert PhotoFilter().chips({}) == []


def test_every_field_of_the_filter_has_a_way_into_the_address() -> None:
    assert [each.name for each in FIELDS] == [each.name for each in fields(PhotoFilter)]
    assert len({each.parameter for each in FIELDS}) == len(FIELDS)
