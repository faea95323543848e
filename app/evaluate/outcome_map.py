"""An evaluation on the map: error lines from truth to prediction, and errors region by region."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pydeck as pdk

from app.evaluate import outcomes
from app.evaluate.map_layers import DEFAULTS, OPACITY, RADIUS, Layer, layers_of
from app.evaluate.outcomes import Method
from app.maps import layers
from app.maps.backdrop import Backdrop, region_ids
from app.maps.ground import Ground, deck
from app.maps.layers import radius_layer
from app.selection import selection
from app.theme import Palette
from core.dataset.base_layer import BaseLayer
from core.model.card import Card
from core.retrieval.gallery import Gallery

LAYER = "outcomes"
ARROW_M = 26.0


def outcome_backdrop(
    card: Card, gallery: Gallery | None, table: pd.DataFrame, base: BaseLayer | None = None
) -> Backdrop:
    """The training photos behind an evaluation; its own photos where there is no gallery."""
    frame, order, names = card.local_frame, card.regions, card.region_names
    if gallery is None:
        table = table[outcomes.placed(table)]
        regions = table["true_region"].tolist()
        strange = sorted(set(regions) - {"", *order})
        return Backdrop(
            frame, outcomes.truth_m(table), regions, (*order, *strange), names, card.areas, base
        )
    return Backdrop(
        frame,
        gallery.position_m,
        region_ids(gallery.region, order),
        order,
        names,
        card.areas,
        base,
    )


def outcome_deck(
    campus: Backdrop,
    everything: pd.DataFrame,
    shown: pd.DataFrame,
    palette: Palette,
    *,
    method: Method,
    chosen: int | None,
    online: bool,
    opacity: Mapping[Layer, float] | None = None,
) -> pdk.Deck:
    """The layers of an evaluation, with one photo chosen; a click reports its row as `i`.

    Args:
        campus: What lies behind; its frame is that of the table.
        everything: All rows of `predictions.csv`.
        shown: The rows to draw; those without a true or a predicted position are left out.
        palette: Colours of the reader's theme.
        method: Which prediction is drawn.
        chosen: Row of the chosen photo, which gets arrows of both headings, or None.
        online: Whether a background is fetched from another host.
        opacity: The layers to draw, each in (0, 1]; what can be read at a glance if absent.
    """
    ground = campus.ground()
    shown = shown[outcomes.placed(shown)]
    opacity = default_opacity() if opacity is None else opacity
    colour = palette.refined if method == "refined" else palette.prediction
    rows, names = shown.index.tolist(), shown["filename"].tolist()
    drawn = [
        *layers_of(campus, shown, palette, method=method, opacity=opacity),
        *layers.far_marks(ground, f"{LAYER}-truth-far", outcomes.truth_m(shown), palette.truth,
                          texts=names, rows=rows),
        *layers.far_marks(ground, f"{LAYER}-far", outcomes.predicted_m(shown, method), colour,
                          texts=names, rows=rows),
    ]  # fmt: skip
    if "regions" in opacity:
        drawn.append(campus.names_layer(palette))
    if chosen is not None and outcomes.placed(everything)[chosen]:
        drawn += _chosen(ground, everything.loc[[chosen]], method, colour, palette)
    return deck(ground, drawn, palette, online=online)


def outcome_map(
    campus: Backdrop,
    everything: pd.DataFrame,
    palette: Palette,
    shown: pd.DataFrame,
    *,
    method: Method,
    chosen: int | None,
    online: bool,
    opacity: Mapping[Layer, float],
) -> None:
    """Draw the map of an evaluation, whose dots open photos; see `outcome_deck`."""
    drawn = outcome_deck(
        campus, everything, shown, palette, method=method, chosen=chosen, online=online,
        opacity=opacity,
    )  # fmt: skip
    selection.clickable_map(
        selection.PHOTO, drawn, lambda row: everything.at[row, "photo_id"],
        "Truth and prediction", key="outcomes",
    )  # fmt: skip


def default_opacity() -> dict[Layer, float]:
    """The layers that are drawn until the reader chooses others."""
    return {layer: OPACITY[layer] for layer in DEFAULTS}


def far_photos(campus: Backdrop, shown: pd.DataFrame, method: Method) -> dict[str, float]:
    """Photos whose label or prediction lies beyond the map: metres from its middle by photo.

    The farthest first.
    """
    ground = campus.ground()
    both = [outcomes.truth_m(shown), outcomes.predicted_m(shown, method)]
    away_m = np.max([np.where(ground.beyond(p), ground.away_m(p), 0.0) for p in both], axis=0)
    names = shown["photo_id"].to_numpy()
    order = [row for row in np.argsort(-away_m) if away_m[row] > 0.0]
    return {str(names[row]): float(away_m[row]) for row in order}


def _chosen(
    ground: Ground, photo: pd.DataFrame, method: Method, colour: str, palette: Palette
) -> list[pdk.Layer]:
    truth, predicted = (
        ground.at_border(position_m)
        for position_m in (outcomes.truth_m(photo), outcomes.predicted_m(photo, method))
    )
    true_deg = np.asarray(photo["true_angle"], np.float64)
    radius_m = photo[RADIUS].to_numpy(np.float64) if RADIUS in photo else np.array([np.nan])
    refined = ground.at_border(outcomes.predicted_m(photo, "refined"))
    return [
        radius_layer(ground, refined, radius_m, palette),
        layers.segments(ground, "chosen-line", truth, predicted, palette.text, opacity=0.9,
                        width_px=2),
        layers.arrows(ground, "chosen-truth-arrow", truth, true_deg, palette.truth,
                      length_m=ARROW_M),
        layers.arrows(ground, "chosen-arrow", predicted, outcomes.heading_deg(photo, method),
                      colour, length_m=ARROW_M),
        layers.points(ground, "chosen-truth", truth, palette.truth, radius_px=8,
                      ring=palette.text),
        layers.points(ground, "chosen-predicted", predicted, colour, radius_px=8,
                      ring=palette.text),
    ]  # fmt: skip
