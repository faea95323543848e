"""One palette for figures, maps and pages: colours that colour-blind readers can tell apart.

The colours are Okabe and Ito's (Color Universal Design, 2008). Three of them have one meaning
wherever they appear: the truth, the prediction, and the prediction refined by its neighbours.
"""

from dataclasses import dataclass
from typing import Literal

import streamlit as st

Mode = Literal["light", "dark"]
RGB = tuple[int, int, int]

# Series where no meaning is fixed (regions, runs); `.streamlit/config.toml` has the same.
SERIES = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#F0E442", "#999999",
)  # fmt: skip
# Okabe-Ito has no ramp; cividis is made for the same readers (Nunez et al. 2018).
RAMP = "Cividis"


@dataclass(frozen=True)
class Palette:
    """Colours as hex text; `mode` says which background they are meant for.

    `series` is for what has no fixed meaning: regions, runs, parts.
    """

    mode: Mode
    truth: str
    prediction: str
    refined: str
    evidence: str
    text: str
    faint: str
    background: str
    surface: str
    link: str
    series: tuple[str, ...]


LIGHT = Palette(
    mode="light", truth="#009E73", prediction="#D55E00", refined="#0072B2", evidence="#CC79A7",
    text="#1B2430", faint="#8A939C", background="#FFFFFF", surface="#F1F4F8", link="#005A8D",
    series=SERIES,
)  # fmt: skip
DARK = Palette(
    mode="dark", truth="#1FC79A", prediction="#F0803C", refined="#56B4E9", evidence="#E39AC3",
    text="#E8ECF2", faint="#7F8A95", background="#0E1117", surface="#1A1F2B", link="#56B4E9",
    # The lighter blue goes first: the first series is the one most charts have.
    series=(SERIES[5], *SERIES[1:5], SERIES[0], *SERIES[6:]),
)  # fmt: skip


def palette() -> Palette:
    """The palette for the theme that the reader's browser shows (light where unknown)."""
    return DARK if st.context.theme.type == "dark" else LIGHT


def both(name: Literal["text", "link", "surface"]) -> str:
    """A colour in CSS that follows a change of theme, after which Streamlit draws no page anew."""
    return f"light-dark({getattr(LIGHT, name)}, {getattr(DARK, name)})"


def rgb(colour: str) -> RGB:
    """`#RRGGBB` as three numbers, for deck.gl."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def rgba(colour: str, opacity: float) -> tuple[int, int, int, int]:
    """`#RRGGBB` with an opacity in [0, 1], for deck.gl."""
    return (*rgb(colour), round(255 * opacity))


def css(colour: str, opacity: float) -> str:
    """`#RRGGBB` with an opacity in [0, 1], for plotly."""
    return f"rgba{(*rgb(colour), opacity)}"
