"""The scatter of photos by their descriptors."""

import numpy as np

from app.figures.embedding import Colouring, discrete, embedding
from app.theme import LIGHT

PLACE = np.column_stack([np.arange(6.0), -np.arange(6.0)])
TEXTS = [f"img_{number}.jpg" for number in range(6)]
LARGE = np.arange(6) >= 4
SHOWN = np.arange(6) != 0


def test_each_mark_leads_back_to_its_photo() -> None:
    made = embedding(
        PLACE, discrete([0, 1, -1, 0, 1, 0], ("#000000", "#FFFFFF")), TEXTS, LIGHT, large=LARGE,
        shown=SHOWN, chosen=3, around=[(0, 0), (1, 0), (1, 1)], lines=np.array([[1, 4]]),
    )  # fmt: skip
    # Hidden, without a value, training photos, evaluated ones with the greatest value on top.
    assert [rows.tolist() for rows in made.rows] == [[0], [2], [3, 1], [5, 4]]
    for trace, rows in enumerate(made.rows):
        drawn = made.figure.data[trace]
        for mark, row in enumerate(rows):
            assert made.row_of({"curve_number": trace, "point_index": mark}) == row
            assert drawn.text[mark] == TEXTS[row]
            assert (drawn.x[mark], drawn.y[mark]) == tuple(PLACE[row])
    # A line, the outline of the area and the ring of the open photo are no photos.
    assert len(made.figure.data) == 7
    assert made.row_of({"curve_number": 4, "point_index": 0}) is None
    assert made.row_of({"curve_number": 0, "point_index": 9}) is None
    assert made.row_of({}) is None


def test_one_bar_explains_the_colours() -> None:
    values = Colouring(np.arange(6.0), "Phase", (0.0, 5.0), {"title": {"text": "heading"}})
    for large in (LARGE, np.ones(6, bool), np.zeros(6, bool)):
        made = embedding(PLACE, values, TEXTS, LIGHT, large=large, shown=SHOWN)
        assert sum(bool(trace.marker.showscale) for trace in made.figure.data[:4]) == 1


def test_twenty_thousand_photos_are_sent_in_less_than_two_megabytes() -> None:
    random, n = np.random.default_rng(0), 20_000
    made = embedding(
        random.normal(size=(n, 2)), Colouring(random.uniform(0, 360, n), "Phase", (0, 360)),
        [f"img_{number:06d}.jpg<br>Main Gate, 12.3 m off" for number in range(n)], LIGHT,
        large=np.arange(n) > 18_000, shown=np.ones(n, bool),
    )  # fmt: skip
    assert len(made.figure.to_json()) < 2e6
    assert {trace.type for trace in made.figure.data} == {"scattergl"}
