"""A share as text, the one style of the project: `96.3 %`."""


def percent(share: float, decimals: int = 0) -> str:
    """A share in per cent with a space before the sign: `90 %`, with one decimal `96.3 %`.

    Args:
        share: In `[0, 1]`.
        decimals: Digits after the point.
    """
    return f"{100.0 * share:.{decimals}f} %"
