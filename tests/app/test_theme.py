import pytest

from app.theme import DARK, LIGHT, Palette, css, rgb, rgba


def _luminance(colour: str) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
              for c in (value / 255 for value in rgb(colour))]  # fmt: skip
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(first: str, second: str) -> float:
    dark, light = sorted((_luminance(first), _luminance(second)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_colours_with_a_meaning_stand_out_from_the_ground(palette: Palette) -> None:
    # WCAG 2.2, 1.4.11: graphics need 3 to 1, text (1.4.3) 4.5 to 1.
    for colour in (palette.truth, palette.prediction, palette.refined):
        assert _contrast(colour, palette.background) >= 3.0
    assert _contrast(palette.text, palette.background) >= 4.5


def test_colours_are_written_as_each_library_wants_them() -> None:
    assert rgb("#0072B2") == (0, 114, 178)
    assert rgba("#0072B2", 0.5) == (0, 114, 178, 128)
    assert css("#0072B2", 0.5) == "rgba(0, 114, 178, 0.5)"
