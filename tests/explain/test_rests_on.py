"""Planted cases: an answer that rests on one known part of the photo, and sentences about it."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import ConfigError
from core.explain.hiding import RestsOn, contrast, rests_on
from core.explain.parts import colour_name, cut, describe, hide
from core.explain.sentence import as_dict, as_text, contrast_sentence, sentence
from core.geo import CoordinateFrame, Floats, LocalFrame
from core.inference.prediction import Prediction
from core.labels import LABELS, Label

GREEN, PURPLE, GREY = (40, 150, 40), (130, 40, 160), (128, 128, 128)


class Planted:
    """Goes by the purple in the upper left quarter alone: 200 m north and 90 degrees for all."""

    def __init__(self, labels: tuple[Label, ...] = LABELS) -> None:
        self.labels = labels
        self.asked = 0
        self.excluded: set[str | None] = set()

    def predict_photos(
        self, photos: NDArray[np.uint8], *, exclude_ids: Sequence[str | None] | None = None
    ) -> Prediction:
        self.asked += len(photos)
        self.excluded.update(exclude_ids or ())
        half = photos.shape[1] // 2
        purple = np.abs(photos[:, :half, :half].astype(float) - PURPLE).sum(axis=3) < 40
        share = purple.mean(axis=(1, 2))  # (n,) of the quarter
        return prediction(share, self.labels)


def prediction(share: Floats, labels: tuple[Label, ...] = LABELS) -> Prediction:
    n = len(share)
    regions = ("1", "2") if "region" in labels else ()
    shares = np.stack([share, 1 - share], axis=1) if regions else np.empty((n, 0))
    position = np.stack([200 * share, 0 * share], axis=1)
    position = position if "position" in labels else np.full((n, 2), np.nan)
    heading = 90 * share if "heading" in labels else np.full(n, np.nan)
    names = tuple(f"photo {row}" for row in range(n))
    return Prediction(
        photo_ids=names,
        filenames=names,
        regions=regions,
        region_names={"1": "Main Gate"} if regions else {},
        local_frame=LocalFrame(CoordinateFrame("planar_metres"), (0.0, 0.0)),
        region_probabilities=shares,
        region_head=shares,
        position_m=position,
        position_refined_m=position,
        heading_deg=heading,
        heading_refined_deg=heading,
        heading_length=np.ones(n) if "heading" in labels else np.full(n, np.nan),
        neighbours=np.empty((n, 0), np.int64),
        similarity=np.empty((n, 0)),
        weight=np.empty((n, 0)),
        inliers=np.empty((n, 0), np.int64),
        descriptor=np.empty((n, 1), np.float32),
        labels=labels,
    )


def banner() -> NDArray[np.uint8]:
    """Green grass under a grey sky, with a purple square in the middle of the upper left."""
    photo = np.full((120, 120, 3), GREY, np.uint8)
    photo[60:] = GREEN
    photo[12:36, 12:36] = PURPLE
    return photo


def explained(labels: tuple[Label, ...] = LABELS) -> RestsOn:
    return rests_on(Planted(labels), banner())


def test_the_sentence_names_the_quarter_that_the_answer_rests_on() -> None:
    found = explained()
    (part,) = found.named
    hidden = found.parts.mask([part])
    assert hidden[12:36, 12:36].mean() > 0.9
    assert describe(found.parts, [part]) == "the purple area in the upper left"
    share = float((np.abs(banner()[:60, :60].astype(int) - PURPLE).sum(axis=2) < 40).mean())
    assert found.together.moved_m[0] == pytest.approx(200 * share, abs=4)
    said = sentence(found)
    assert said.startswith(
        "Mostly the purple area in the upper left: without it the answer moves 3"
    )
    assert said.endswith("Hiding as much of the rest moves it 0.0 m.")


def test_hiding_other_parts_changes_nothing() -> None:
    found = explained()
    others = [part for part in range(len(found.parts)) if part not in found.named]
    assert found.single.moved_m[others].max() < 3, "no more than the soft rim of what is hidden"
    assert found.effect(found.control).max() < 3


def test_progress_ends_when_all_answers_are_given() -> None:
    network, seen = Planted(), []
    rests_on(network, banner(), progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (network.asked, network.asked)


def test_an_answer_that_rests_on_nothing_says_so() -> None:
    class Same:
        def predict_photos(
            self, photos: NDArray[np.uint8], *, exclude_ids: Sequence[str | None] | None = None
        ) -> Prediction:
            return prediction(np.full(len(photos), 0.3))

    found = rests_on(Same(), banner())
    assert found.named == ()
    assert "No part stands out" in sentence(found)
    assert "the answer stays in place" in sentence(found)


def test_parts_that_replace_each_other_are_not_claimed() -> None:
    class Either:
        """Goes by the purple square or the red one, whichever is there."""

        def predict_photos(
            self, photos: NDArray[np.uint8], *, exclude_ids: Sequence[str | None] | None = None
        ) -> Prediction:
            near = [np.abs(photos.astype(float) - c).sum(axis=3) < 40 for c in (PURPLE, red)]
            seen = (near[0] | near[1]).mean(axis=(1, 2))
            return prediction((seen > 0.01).astype(float))

    photo, red = banner(), (200, 30, 30)
    photo[80:104, 80:104] = red
    found = rests_on(Either(), photo)
    assert found.single.moved_m.max() == 0
    assert found.named == ()
    assert "No part stands out" in sentence(found)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (("heading",), "without it the heading turns"),
        (("region",), "the answer changes from Main Gate to region 2"),
        (("position",), "without it the answer moves"),
    ],
)
def test_models_of_few_labels_are_explained_by_what_they_predict(
    labels: tuple[Label, ...], expected: str
) -> None:
    class Sure(Planted):
        def predict_photos(
            self, photos: NDArray[np.uint8], *, exclude_ids: Sequence[str | None] | None = None
        ) -> Prediction:
            return prediction(np.where(self.share(photos) > 0.05, 0.9, 0.1), self.labels)

        def share(self, photos: NDArray[np.uint8]) -> Floats:
            return (np.abs(photos.astype(float) - PURPLE).sum(axis=3) < 40).mean(axis=(1, 2)) * 4

    found = rests_on(Sure(labels), banner())
    assert found.measure == labels[0]
    assert describe(found.parts, list(found.named)) == "the purple area in the upper left"
    assert expected in sentence(found)
    assert "moved_m" in as_dict(found, None)["parts"][0]["without"] or labels != ("position",)


def test_a_contrast_names_the_part_that_supports_each_region() -> None:
    found = explained()
    compared = contrast(found, "Main Gate", "2")
    assert (compared.here, compared.there) == (0, 1)
    assert int(compared.support.argmax()) == found.named[0]
    # log(p1 / p2) of the photo less that without the banner, bounded at one in 10,000.
    share = compared.shares[0]
    before, after = np.log(share / (1 - share)), np.log(1e-4)
    assert compared.support[found.named[0]] == pytest.approx(before - after, abs=1e-6)
    assert "supports Main Gate most: without it Main Gate is at under 0.1 %" in contrast_sentence(
        found, compared
    )
    by_default = contrast(found)
    assert (by_default.here, by_default.there) == (1, 0), "the more probable region first"
    with pytest.raises(ConfigError, match=r"'9' is unknown: choose one of Main Gate, 2"):
        contrast(found, "9")
    with pytest.raises(ConfigError, match="cannot be compared with itself"):
        contrast(found, "1", "1")
    with pytest.raises(ConfigError, match="does not tell regions apart"):
        contrast(explained(("position",)))


def test_text_and_record_hold_both_sentences() -> None:
    found = explained()
    compared = contrast(found)
    record, text = as_dict(found, compared), as_text(found, compared)
    assert record["sentence"] in text
    assert record["contrast"]["sentence"] in text
    assert record["ranked_by"] == "position"
    assert record["parts"][0]["named"]
    assert record["parts"][0]["middle"] == pytest.approx([0.2, 0.2], abs=0.03)
    assert sum(part["share"] for part in record["parts"]) == pytest.approx(1.0, abs=0.01)


def test_a_hidden_part_keeps_neither_detail_nor_colour() -> None:
    photo = banner()
    mask = np.zeros((120, 120), bool)
    mask[12:36, 12:36] = True
    hidden = hide(photo, mask)
    assert np.abs(hidden[24, 24].astype(int) - GREY).max() < 12, "the colour around, not purple"
    assert (hidden[60:] == photo[60:]).all(), "what is far away stays as it was"
    assert (hide(photo, np.zeros((120, 120), bool)) == photo).all()
    whole = hide(photo, np.ones((120, 120), bool))
    assert np.ptp(whole.reshape(-1, 3), axis=0).max() <= 1


def test_parts_are_connected_and_cover_the_photo() -> None:
    from scipy import ndimage

    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)
    for photo in (banner(), noise, np.zeros((60, 60, 3), np.uint8)):
        parts = cut(photo, 16)
        assert 4 <= len(parts) <= 16
        assert set(np.unique(parts.index)) == set(range(len(parts)))
        pieces = [ndimage.label(parts.mask([part]))[1] for part in range(len(parts))]
        assert sum(pieces) <= 1.5 * len(parts)


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((0, 0, 0), "black"), ((255, 255, 255), "white"), ((128, 128, 128), "grey"),
        ((200, 30, 30), "red"), (PURPLE, "purple"), (GREEN, "green"), ((20, 60, 20), "dark green"),
        ((40, 80, 200), "blue"), ((235, 215, 40), "yellow"), ((235, 130, 20), "orange"),
        ((110, 70, 30), "brown"), ((240, 130, 190), "pink"), ((40, 190, 180), "turquoise"),
    ],
)  # fmt: skip
def test_colours_have_their_everyday_names(rgb: tuple[int, int, int], name: str) -> None:
    assert colour_name(np.array([rgb], np.uint8)) == name


def test_a_mural_is_named_by_its_colours_not_by_their_average() -> None:
    pixels = np.array([(200, 30, 30)] * 50 + [(40, 150, 40)] * 40 + [(120, 120, 120)] * 30)
    assert colour_name(pixels.astype(np.uint8)) == "red and green"


def test_every_answer_leaves_the_photo_itself_out_of_its_search() -> None:
    model = Planted()
    rests_on(model, banner(), exclude_id="images/a.jpg")
    assert model.excluded == {"images/a.jpg"}
