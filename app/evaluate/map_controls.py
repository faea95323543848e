"""The controls of the Map page: which layers are drawn, how opaque, and what their colours mean."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import streamlit as st

from app.evaluate import outcomes
from app.evaluate.map_layers import (
    BOUNDS_M,
    DEFAULTS,
    MOST_DOTS,
    OPACITY,
    RADIUS,
    TITLES,
    WORST,
    Layer,
    error_class,
    error_legend,
)
from app.evaluate.outcomes import Method
from app.theme import Palette
from app.widgets.messages import legend
from app.wording import metres, share
from core.dataset.base_layer import BaseLayer


def pick_layers(table: pd.DataFrame, base: BaseLayer | None) -> dict[Layer, float]:
    """Let the reader choose layers and their opacity; returns the opacity of each that is drawn.

    Args:
        table: `predictions.csv`, which may lack what a layer draws.
        base: What can be drawn below all else.
    """
    absent = {
        "radius_cells": RADIUS not in table,
        "base": base is None or not base.shapes,
        "picture": base is None or base.picture is None,
    }
    offered = [layer for layer in TITLES if not absent.get(layer, False)]
    with st.popover("Layers", width="content"):
        drawn = {layer: _opacity(layer) for layer in offered}
    return {layer: opacity for layer, opacity in drawn.items() if opacity > 0}


def _opacity(layer: Layer) -> float:
    """Draw a switch and a slider; returns the opacity in (0, 1], 0 if the layer is off."""
    with st.container(horizontal=True, vertical_alignment="center"):
        on = st.toggle(
            TITLES[layer], layer in DEFAULTS, key=f"map_layer_{layer}", persist_state="session",
            width=190,
        )  # fmt: skip
        percent = st.slider(
            f"Opacity of {TITLES[layer]}", 5, 100, round(100 * OPACITY[layer]), 5, format="%d %%",
            key=f"map_opacity_{layer}", persist_state="session", disabled=not on,
            label_visibility="collapsed", width=110,
        )  # fmt: skip
    return percent / 100 if on else 0.0


def explain_layers(
    drawn: Mapping[Layer, float], palette: Palette, method: Method, placed: int
) -> None:
    """Write what the colours of the layers mean, and which photos are not drawn.

    Args:
        drawn: The layers.
        palette: Colours of the reader's theme.
        method: Which prediction errors are of.
        placed: How many photos have a true and a predicted position.
    """
    meanings: dict[str, str] = {}
    if {"truth", "error_cells", "radius_cells"} & set(drawn):
        meanings |= error_legend(palette)
    tone = palette.refined if method == "refined" else palette.prediction
    if "worst" in drawn and placed:
        meanings[f"small: predictions of the {min(WORST, placed)} largest errors"] = tone
    if "refined" in drawn:
        meanings["refined prediction"] = palette.refined
    if "raw" in drawn:
        meanings["prediction of the network alone"] = palette.prediction
    if "headings" in drawn:
        meanings |= {"true heading": palette.truth, "predicted heading": tone}
    if "training" in drawn:
        meanings["training photos"] = palette.faint
    if meanings:
        legend(meanings)
    if placed > MOST_DOTS and {"truth", "raw", "refined", "lines", "headings"} & set(drawn):
        st.caption(
            f"Dots and lines: {MOST_DOTS:,} of {placed:,} photos, the {MOST_DOTS // 4:,} largest "
            "errors among them. Cells and figures count all."
        )


def summary(shown: pd.DataFrame, palette: Palette, method: Method) -> None:
    """Draw the figures of the photos on the map, and how many have errors of each class.

    Args:
        shown: Rows of `predictions.csv`.
        palette: Colours of the reader's theme.
        method: Which prediction errors are of.
    """
    errors = outcomes.error_m(shown[outcomes.placed(shown)], method)
    st.caption("Click a dot to see its photo.")
    if not len(errors):
        return
    with st.container(horizontal=True):
        st.metric("Median error", metres(float(np.median(errors))))
        st.metric(f"Within {BOUNDS_M[1]:.0f} m", share(float((errors <= BOUNDS_M[1]).mean())))
    counts = np.bincount(error_class(errors), minlength=len(BOUNDS_M) + 1)
    bars = "".join(
        _bar(words, colour, int(count), counts.max())
        for (words, colour), count in zip(error_legend(palette).items(), counts, strict=True)
    )
    st.html(f'<div style="font-size:.9rem">{bars}</div>')


def _bar(words: str, colour: str, count: int, most: int) -> str:
    """A bar of a list of numbers of photos, as HTML; the words are ours."""
    width = 100.0 * count / max(most, 1)
    return (
        f'<div style="margin:.35rem 0">{words}<span style="float:right">{count:,}</span>'
        f'<div style="height:.5rem;width:{width:.1f}%;min-width:2px;background:{colour};'
        'border-radius:2px"></div></div>'
    )
