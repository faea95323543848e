"""Numbers and lists in sentences."""

from collections.abc import Sequence

from core.amounts import percent


def metres(value: float) -> str:
    """A distance: `7.4 m`, `120 m`."""
    return f"{value:.1f} m" if value < 10 else f"{value:,.0f} m"


def probability(share: float) -> str:
    """A probability: `98 %`, `0.4 %`; `under 0.1 %` and `over 99.9 %` at the ends."""
    if share < 0.001:
        return "under 0.1 %"
    if share > 0.999:
        return "over 99.9 %"
    return percent(share, 1 if share < 0.02 or share > 0.98 else 0)


def listed_words(phrases: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(phrases) < 2:
        return "".join(phrases)
    return f"{', '.join(phrases[:-1])} and {phrases[-1]}"
