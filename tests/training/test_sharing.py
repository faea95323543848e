"""However many processes share a batch, no photo is lost, repeated or moved."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.training.batches import epoch_order
from core.training.sharing import reunited, shared

COUNTS = st.integers(1, 9)


@given(st.integers(0, 40), COUNTS)
def test_every_photo_goes_to_one_process(photos: int, count: int) -> None:
    batch = np.random.default_rng(photos).permutation(photos)
    shares = [shared(batch, rank, count) for rank in range(count)]
    assert sorted(np.concatenate(shares).tolist()) == list(range(photos))
    sizes = [len(share) for share in shares]
    assert max(sizes) - min(sizes) <= 1


@given(st.integers(1, 60), st.integers(1, 20), COUNTS)
def test_an_epoch_of_several_processes_has_the_same_photos_in_every_step(
    photos: int, batch_size: int, count: int
) -> None:
    order = epoch_order(np.arange(photos), batch_size, 3, 1)
    learnt = [shared(batch, rank, count) for batch in order for rank in range(count)]
    assert sorted(np.concatenate(learnt).tolist()) == list(range(photos))
    for batch in order:
        step = np.concatenate([shared(batch, rank, count) for rank in range(count)])
        assert sorted(step) == sorted(batch)


@given(st.lists(st.integers(0, 11), max_size=6), COUNTS)
def test_what_the_shares_became_comes_back_in_order(sizes: list[int], count: int) -> None:
    whole = np.random.default_rng(1).normal(size=(sum(sizes), 3)).astype(np.float32)
    batches = np.split(whole, np.cumsum(sizes)[:-1]) if sizes else []
    parts = [
        np.concatenate([np.empty((0, 3), np.float32), *(shared(b, rank, count) for b in batches)])
        for rank in range(count)
    ]
    back = reunited(parts, sizes)
    assert back.dtype == np.float32
    assert np.array_equal(back, whole)


def test_a_process_that_answers_too_little_is_noticed() -> None:
    with pytest.raises(ValueError, match="process 1 made 1 rows of 2 photos"):
        reunited([np.zeros((2, 1)), np.zeros((1, 1))], [4])
