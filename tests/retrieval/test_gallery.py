import json
from pathlib import Path

import numpy as np
import pytest

from core.errors import CheckpointError, SplitError
from core.retrieval.gallery import Gallery, build_gallery, described_anew

IDS = tuple(f"images/{n}.jpg" for n in range(12))


def make_gallery(*, dimensions: int | None = None, parts: dict[str, str] | None = None) -> Gallery:
    rng = np.random.default_rng(0)
    return build_gallery(
        IDS,
        [name.removeprefix("images/") for name in IDS],
        rng.normal(size=(12, 6)),
        rng.uniform(0, 100, (12, 2)),
        rng.uniform(-360, 360, 12),
        np.arange(12) % 3,
        split_hash="a" * 64,
        parts=parts or dict.fromkeys(IDS, "train"),
        minute=[*range(600, 611), np.nan],
        dimensions=dimensions,
        whiten=0.5,
    )


@pytest.mark.parametrize("dimensions", [None, 4])
def test_a_reloaded_gallery_is_the_same_bit_for_bit(tmp_path: Path, dimensions: int | None) -> None:
    gallery = make_gallery(dimensions=dimensions)
    gallery.save(tmp_path)
    again = Gallery.load(tmp_path)
    assert (again.photo_ids, again.filenames) == (gallery.photo_ids, gallery.filenames)
    assert again.split_hash == gallery.split_hash
    for name in ("features", "position_m", "heading_deg", "region", "minute"):
        np.testing.assert_array_equal(getattr(again, name), getattr(gallery, name))
    query = np.random.default_rng(1).normal(size=(3, 6))
    np.testing.assert_array_equal(again.embed(query), gallery.embed(query))
    assert again.embed(query).shape == (3, dimensions or 6)


def test_a_photo_finds_itself_through_the_projection() -> None:
    raw = np.random.default_rng(0).normal(size=(12, 6))
    gallery = make_gallery(dimensions=5)
    similarity = gallery.embed(raw) @ gallery.features.T
    assert similarity.argmax(axis=1).tolist() == list(range(12))
    np.testing.assert_allclose(similarity.max(axis=1), 1.0, atol=2e-3)


@pytest.mark.trap(name="neighbours from outside the training part, and the photo itself")
@pytest.mark.parametrize("part", ["val", "calibrate", "test", "buffer"])
def test_only_training_photos_may_enter(part: str) -> None:
    parts = dict.fromkeys(IDS, "train") | {IDS[5]: part}
    with pytest.raises(SplitError, match=r"images/5\.jpg"):
        make_gallery(parts=parts)
    del parts[IDS[5]]
    with pytest.raises(SplitError, match="training photos only"):
        make_gallery(parts=parts)


def test_another_split_is_refused() -> None:
    make_gallery().check_split("a" * 64)
    with pytest.raises(SplitError, match="belongs to split aaaaaaaaaaaa, not to bbbb"):
        make_gallery().check_split("b" * 64)


def test_headings_are_wrapped_and_features_have_length_one() -> None:
    gallery = make_gallery()
    assert ((gallery.heading_deg >= 0) & (gallery.heading_deg < 360)).all()
    np.testing.assert_allclose(np.linalg.norm(gallery.features, axis=1), 1.0, atol=1e-3)


def test_shapes_are_checked_at_birth() -> None:
    good = make_gallery()
    with pytest.raises(ValueError, match="heading_deg"):
        Gallery(
            good.photo_ids,
            good.filenames,
            good.features,
            good.position_m,
            good.heading_deg[:5],
            good.region,
            good.minute,
            good.split_hash,
        )


def test_features_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match="width 7 do not fit descriptors of width 6"):
        make_gallery().embed(np.ones((2, 7)))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda d: (d / "gallery.json").unlink(), "no gallery"),
        (lambda d: (d / "gallery.json").write_text("{"), "is damaged"),
        (lambda d: (d / "gallery.json").write_text("{}"), "schema_version is required"),
        (lambda d: (d / "gallery.safetensors").unlink(), "cannot be read"),
        (lambda d: (d / "gallery.safetensors").write_bytes(b"x" * 100), "is not the file"),
    ],
)
def test_damaged_files_are_refused_with_a_remedy(tmp_path: Path, damage, message: str) -> None:  # noqa: ANN001
    make_gallery().save(tmp_path)
    damage(tmp_path)
    with pytest.raises(CheckpointError, match=message):
        Gallery.load(tmp_path)


def test_a_mixed_pair_and_another_schema_are_refused(tmp_path: Path) -> None:
    make_gallery(dimensions=3).save(tmp_path / "other")
    make_gallery().save(tmp_path)
    arrays = (tmp_path / "gallery.safetensors").read_bytes()
    (tmp_path / "gallery.safetensors").write_bytes(
        (tmp_path / "other/gallery.safetensors").read_bytes()
    )
    with pytest.raises(CheckpointError, match="as a whole"):
        Gallery.load(tmp_path)
    (tmp_path / "gallery.safetensors").write_bytes(arrays)
    names = json.loads((tmp_path / "gallery.json").read_text())
    (tmp_path / "gallery.json").write_text(json.dumps(names | {"schema_version": 9}))
    with pytest.raises(CheckpointError, match="schema version 9"):
        Gallery.load(tmp_path)


def test_each_part_of_a_descriptor_is_compressed_by_itself_and_counts_alike(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(40, 6)), 100.0 * rng.normal(size=(40, 4))
    plain = make_gallery()
    both = described_anew(plain, np.hstack([first, second])[:12], (6, 4), 3, 0.5)
    alone = [described_anew(plain, part[:12], (part.shape[1],), 3, 0.5) for part in (first, second)]
    query = np.hstack([first, second])[12:]
    expected = sum(
        one.embed(part) @ one.features.T
        for one, part in zip(alone, (query[:, :6], query[:, 6:]), strict=True)
    )
    np.testing.assert_allclose(both.embed(query) @ both.features.T, expected / 2.0, atol=2e-3)
    both.save(tmp_path)
    again = Gallery.load(tmp_path)
    assert again.descriptor_space.widths == (6, 4)
    np.testing.assert_array_equal(again.embed(query), both.embed(query))
    with pytest.raises(ValueError, match="do not fit"):
        again.embed(query[:, :9])
