"""Whole maps: what to lay over what, and the one place that decides about a background."""

from collections.abc import Sequence

import pydeck as pdk

from app.maps.ground import Ground
from app.theme import Palette

# Shown as text, never as HTML: file names come from label files.
TOOLTIP = {"text": "{t}"}


def deck(
    ground: Ground, layers: Sequence[pdk.Layer], palette: Palette, *, online: bool = False
) -> pdk.Deck:
    """A deck of layers, the first at the bottom.

    Args:
        ground: What they lie on.
        layers: Layers with an id each.
        palette: Decides between a light and a dark background where one is asked for.
        online: Load tiles of a world map from basemaps.cartocdn.com. Never where positions are
            planar metres, which no world map fits.
    """
    view, start = ground.view()
    if online and not ground.planar:
        style = "dark" if palette.mode == "dark" else "light"
        return pdk.Deck(
            list(layers), views=[view], initial_view_state=start, tooltip=TOOLTIP,
            map_provider="carto", map_style=style,
        )  # fmt: skip
    # No `map_style` argument at all: even None makes the browser ask another host for one.
    return pdk.Deck(
        list(layers), views=[view], initial_view_state=start, tooltip=TOOLTIP, map_provider=None
    )
