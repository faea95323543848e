"""Two or more ways to do the same, timed in turns, so that other load affects all of them."""

import statistics
import time
from collections.abc import Callable, Mapping

Spent = dict[str, list[float]]
"""Seconds of each round, by what was timed."""


def timed(what: Mapping[str, Callable[[], object]], rounds: int) -> Spent:
    """Seconds of each, in turns; a first round, which fills caches, is not counted."""
    spent: Spent = {name: [] for name in what}
    for number in range(rounds + 1):
        for name, run in what.items():
            start = time.perf_counter()
            run()
            if number:
                spent[name].append(time.perf_counter() - start)
    return spent


def times_faster(spent: Spent, name: str, against: str) -> float:
    """How many times faster one is than another: the median of the ratios within a round."""
    pairs = zip(spent[name], spent[against], strict=True)
    return statistics.median(other / own for own, other in pairs)


def compared(spent: Spent, against: str, unit: str = "ms", scale: float = 1e3) -> list[str]:
    """A Markdown table: medians, spread, and how many times faster than `against`."""
    lines = [f"| way | {unit} | from, to | times faster |", "|---|---|---|---|"]
    for name, own in spent.items():
        values = [scale * each for each in own]
        ratio = times_faster(spent, name, against)
        lines.append(
            f"| {name} | {_figure(statistics.median(values))} | {_figure(min(values))} to "
            f"{_figure(max(values))} | {'' if name == against else f'{ratio:.2f}'} |"
        )
    return lines


def _figure(value: float) -> str:
    """A number with three digits or more."""
    return f"{value:,.0f}" if value >= 100.0 else f"{value:.3g}"
