"""How processes share a step's photos: photo `i` of a batch goes to process `i % count`.

The rule needs no message, loses no photo and repeats none. Shares differ by one photo at most, and
a batch with fewer photos than processes leaves some of them none.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def shared(rows: NDArray[Any], rank: int, count: int) -> NDArray[Any]:
    """The part of a batch, or of anything aligned with it, that process `rank` of `count` takes."""
    return rows[rank::count]


def reunited(parts: Sequence[NDArray[Any]], sizes: Sequence[int]) -> NDArray[Any]:
    """Put together what the processes made of their shares of several batches, in their order.

    Args:
        parts: By process, one row `(..., *shape)` for each photo of its shares, batch after batch.
        sizes: How many photos each batch has.

    Returns:
        `(sum(sizes), *shape)`.
    """
    whole = np.empty((sum(sizes), *parts[0].shape[1:]), parts[0].dtype)
    ends = np.cumsum(sizes, dtype=np.int64)
    batches = [np.arange(end - size, end) for size, end in zip(sizes, ends, strict=True)]
    for rank, part in enumerate(parts):
        places = [shared(batch, rank, len(parts)) for batch in batches]
        own = np.concatenate(places) if places else np.empty(0, np.int64)
        if len(own) != len(part):
            raise ValueError(f"process {rank} made {len(part)} rows of {len(own)} photos")
        whole[own] = part
    return whole
