"""What a command writes: progress on the error stream, so that only results reach the output.

Of several processes that train together only the main one writes.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tqdm import tqdm

from core.training.launched import launched_rank

# A log file gets a line now and then instead of a bar that redraws itself.
_LINE_EVERY_S = 30.0


def say(text: str) -> None:
    """Write a line for the reader, above any progress bar."""
    if launched_rank() != 0:
        return
    tqdm.write(text, file=sys.stderr)
    sys.stderr.flush()


@contextmanager
def bar(label: str, unit: str = "photos") -> Iterator[Callable[[int, int], None]]:
    """Give a callback `(done, in all)` that shows progress; nothing is shown before its first call.

    The count may begin anew, as the steps of an epoch do.
    """
    if launched_rank() != 0 or not sys.stderr.isatty():
        yield _lines(label, unit)
        return
    shown: list[tqdm] = []

    def draw(done: int, total: int) -> None:
        if not shown or shown[0].total != total or done < shown[0].n:
            for old in shown:
                old.close()
            shown[:] = [_new(label, unit, total)]
        shown[0].update(done - shown[0].n)

    try:
        yield draw
    finally:
        for each in shown:
            each.close()


def _new(label: str, unit: str, total: int) -> tqdm:
    return tqdm(
        total=total,
        desc=label,
        unit=f" {unit}",
        file=sys.stderr,
        mininterval=0.2,
        dynamic_ncols=True,
        leave=False,
    )


def _lines(label: str, unit: str) -> Callable[[int, int], None]:
    told = time.monotonic()

    def line(done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told >= _LINE_EVERY_S:
            told = time.monotonic()
            say(f"{label}: {done} of {total} {unit}")

    return line


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table in columns; all rows have the same number of cells."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()
