"""Descriptors of a frozen backbone are computed once for the photos of a store."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.dataset.store import PhotoStore
from core.model.card import PreprocessCard
from core.training.descriptor_cache import frozen_descriptors

SIDE = 4


class Network(SimpleNamespace):
    """A network that describes a photo by its first pixel, and counts the photos."""

    def to(self, device: str) -> "Network":
        """Stay where it is."""
        return self

    def describe(self, photos: np.ndarray) -> np.ndarray:
        """Return the first pixel."""
        self.seen += len(photos)
        return photos[:, 0, 0].astype(np.float32) + self.bias


def network(weights: str = "retrieval-1.safetensors", bias: float = 0.0) -> Any:  # noqa: ANN401
    preprocess = PreprocessCard(
        input_size=SIDE, mean=(0, 0, 0), std=(1, 1, 1), interpolation="bilinear"
    )
    card = SimpleNamespace(weights=weights, preprocess=preprocess)
    return Network(card=card, widths=(1, 2), parts=("a", "b"), seen=0, bias=np.float32(bias))


@pytest.fixture
def store(tmp_path: Path) -> PhotoStore:
    return made(tmp_path, "photos-4-aaaa.u8")


def made(folder: Path, name: str) -> PhotoStore:
    photos = np.random.default_rng(0).integers(0, 255, (6, SIDE, SIDE, 3), np.uint8)
    photos.tofile(folder / name)
    shape = (6, SIDE, SIDE, 3)
    return PhotoStore(np.memmap(folder / name, np.uint8, "r", shape=shape), np.full(6, 66.0))


def test_a_second_run_computes_only_what_is_new(store: PhotoStore) -> None:
    rows, told = np.array([4, 1, 2]), []
    first = network()
    found = frozen_descriptors(
        first, store, rows, 2, "cpu", lambda done, total: told.append((done, total))
    )
    np.testing.assert_array_equal(found, store.photos[rows, 0, 0])
    assert (first.seen, told) == (3, [(0, 2), (1, 2)])
    second = network()
    rows = np.array([5, 4, 4, 1])
    np.testing.assert_array_equal(
        frozen_descriptors(second, store, rows, 2, "cpu"), store.photos[rows, 0, 0]
    )
    assert second.seen == 1


def test_other_weights_or_another_device_have_descriptors_of_their_own(store: PhotoStore) -> None:
    rows = np.arange(6)
    for weights, device, bias in (("1", "cpu", 0.0), ("2", "cpu", 7.0), ("1", "cuda:0", 9.0)):
        found = frozen_descriptors(network(weights, bias), store, rows, 4, device)
        np.testing.assert_array_equal(found, store.photos[:, 0, 0] + np.float32(bias))
    again = network("1")
    frozen_descriptors(again, store, rows, 4, "cuda:3")
    assert again.seen == 0, "the same kind of device"


def test_a_damaged_file_is_made_again_and_those_of_old_pixels_go(
    store: PhotoStore, tmp_path: Path
) -> None:
    rows = np.arange(6)
    frozen_descriptors(network(), store, rows, 4, "cpu")
    (kept,) = tmp_path.glob("descriptors-photos-4-aaaa-*.safetensors")
    kept.write_bytes(kept.read_bytes()[:-9])
    again = network()
    found = frozen_descriptors(again, store, rows, 4, "cpu")
    np.testing.assert_array_equal(found, store.photos[:, 0, 0])
    assert again.seen == 6
    renewed = made(tmp_path, "photos-4-bbbb.u8")
    (tmp_path / "photos-4-aaaa.u8").unlink()
    frozen_descriptors(network(), renewed, rows, 4, "cpu")
    (only,) = tmp_path.glob("descriptors-*")
    assert only.name.startswith("descriptors-photos-4-bbbb-")


def test_photos_in_memory_are_described_and_not_kept(store: PhotoStore, tmp_path: Path) -> None:
    loose = PhotoStore(np.array(store.photos), store.hfov_deg)
    for _ in range(2):
        one = network()
        found = frozen_descriptors(one, loose, np.array([3]), 4, "cpu")
        np.testing.assert_array_equal(found, store.photos[[3], 0, 0])
        assert one.seen == 1
    assert not list(tmp_path.glob("descriptors-*"))
