"""Shares and counts as text, each in the one style of the project: `96.3 %`, `1,394 photos`."""


def percent(share: float, decimals: int = 0) -> str:
    """A share in per cent with a space before the sign: `90 %`, with one decimal `96.3 %`.

    Args:
        share: In `[0, 1]`.
        decimals: Digits after the point.
    """
    return f"{100.0 * share:.{decimals}f} %"


def counted(number: int, noun: str) -> str:
    """How many there are: `1 report`, `2,000 reports`.

    Args:
        number: How many.
        noun: The name of one; the plural adds an s.
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
