from dataclasses import replace

import numpy as np
import pytest

from core.confidence.apply import ood_score
from core.confidence.evidence import Evidence
from core.confidence.fit_refusal import ACCEPTED, fit_refusal
from core.confidence.negatives import FITTED_KINDS, KINDS, make_negatives, shuffled
from core.confidence.ood import SIZE, appearance
from tests.confidence.worlds import world

NAMES = ("nearest", "agree", "useless")


def genuine(n: int, seed: int) -> Evidence:
    support = world(n, seed, names=NAMES)[0].evidence
    assert support is not None
    return support


def strange(n: int, seed: int) -> Evidence:
    support = genuine(n, seed)
    return replace(support, signals=support.signals - [3.0, 2.0, 0.0])


@pytest.mark.trap(name="a refusal tuned on out-of-distribution photos")
def test_the_threshold_accepts_what_was_promised_and_refuses_strangers() -> None:
    fit = fit_refusal(genuine(600, 1), {"a": strange(100, 2)}, np.arange(600) // 2)
    assert fit is not None
    fresh, odd = genuine(2000, 3), strange(2000, 4)
    accepted = (ood_score(fit, fresh) <= fit.threshold).mean()
    assert accepted == pytest.approx(ACCEPTED, abs=0.025)
    assert (ood_score(fit, odd) > fit.threshold).mean() > 0.8
    assert fit.weights[0] > 5 * abs(fit.weights[2])
    # What no photo ever was is strange, however odd.
    lost = replace(fresh, signals=np.full(fresh.signals.shape, np.nan))
    assert (ood_score(fit, lost) > fit.threshold).all()


@pytest.mark.trap(name="a refusal tuned on out-of-distribution photos")
def test_negatives_have_no_say_in_how_many_genuine_photos_are_refused() -> None:
    groups = np.arange(400) // 2
    for negatives in ({"a": strange(50, 2)}, {"a": strange(900, 5), "b": genuine(300, 6)}):
        fit = fit_refusal(genuine(400, 1), negatives, groups)
        assert fit is not None
        fresh = genuine(4000, 7)
        assert (ood_score(fit, fresh) <= fit.threshold).mean() > 0.92


def test_a_few_photos_set_no_threshold() -> None:
    assert fit_refusal(genuine(20, 1), {"a": strange(20, 2)}, np.arange(20)) is None


@pytest.mark.parametrize("side", [64, 50])
def test_every_kind_of_negative_is_a_photo_of_the_same_size(side: int) -> None:
    rng = np.random.default_rng(0)
    photos = rng.integers(0, 256, (5, side, side, 3), np.uint8)
    made, again = (
        {name: make(photos, rng) for name, make in KINDS.items()}
        for rng in (np.random.default_rng(1), np.random.default_rng(1))
    )
    for kind, negatives in made.items():
        assert negatives.shape == photos.shape, kind
        assert negatives.dtype == np.uint8
        assert not (negatives == photos).all(axis=(1, 2, 3)).any(), kind
        assert (negatives == again[kind]).all()


def test_tiles_change_places_and_keep_their_pixels() -> None:
    photos = np.arange(64 * 64 * 3, dtype=np.int64).reshape(1, 64, 64, 3).astype(np.uint8)
    moved = shuffled(photos, np.random.default_rng(3), 4)
    assert sorted(moved.reshape(-1).tolist()) == sorted(photos.reshape(-1).tolist())
    first = moved[0, :16, :16]
    tiles = [photos[0, a : a + 16, b : b + 16] for a in range(0, 64, 16) for b in range(0, 64, 16)]
    assert any((first == tile).all() for tile in tiles)


def test_what_looks_unlike_any_genuine_photo_is_refused_whatever_the_network_says() -> None:
    pages = replace(strange(200, 2), appearance=genuine(200, 2).appearance * 6.0)
    fit = fit_refusal(genuine(600, 1), {"pages": pages}, np.arange(600) // 2)
    assert fit is not None
    fresh = genuine(500, 8)
    drawn = replace(fresh, appearance=fresh.appearance * 6.0, signals=fresh.signals - 1.0)
    assert (ood_score(fit, drawn) > fit.threshold).mean() > 0.8


def test_appearance_tells_a_page_from_a_scene() -> None:
    rng = np.random.default_rng(0)
    scene = rng.integers(0, 256, (1, 80, 80, 3), np.uint8)
    page = np.full((1, 80, 80, 3), 240, np.uint8)
    found = appearance(np.concatenate([scene, page]))
    assert found.shape == (2, SIZE)
    assert np.isfinite(found).all()
    assert np.abs(found[0] - found[1]).max() > 1.0
    assert appearance(scene[:0]).shape == (0, SIZE)


def test_large_true_pieces_of_the_campus_do_not_shape_the_score() -> None:
    photos = np.zeros((2, 32, 32, 3), np.uint8)
    made = make_negatives(photos, np.random.default_rng(0))
    assert set(made) == set(FITTED_KINDS) == set(KINDS) - {"quarters", "halves"}
