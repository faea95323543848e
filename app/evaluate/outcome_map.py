"""An evaluation on the map: error lines from truth to prediction, and errors region by region."""

import numpy as np
import pandas as pd
import pydeck as pdk

from app.evaluate import outcomes
from app.evaluate.outcomes import Method
from app.maps import layers
from app.maps.backdrop import Backdrop, region_ids
from app.maps.ground import Ground, deck
from app.maps.layers import radius_layer
from app.theme import Palette
from app.wording import metres
from core.dataset.base_layer import BaseLayer
from core.model.card import Card
from core.retrieval.gallery import Gallery

LAYER = "outcomes"
ARROW_M = 26.0
RADIUS = "radius_90_m"
# From this many photos on, dots are smaller, so that they do not hide one another.
CROWD = 400


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
    radii: bool = False,
) -> pdk.Deck:
    """Truth and prediction of the shown photos, joined by lines; a click reports the row as `i`.

    Args:
        campus: What lies behind; its frame is that of the table.
        everything: All rows of `predictions.csv`.
        shown: The rows to draw; those without a true or a predicted position are left out.
        palette: Colours of the reader's theme.
        method: Which prediction is drawn.
        chosen: Row of the chosen photo, which gets arrows of both headings, or None.
        online: Whether a background is fetched from another host.
        radii: Whether to draw the radius that holds the truth 90% of the time about each
            refined position, where the table has one.
    """
    ground = campus.ground()
    shown = shown[outcomes.placed(shown)]
    colour = palette.refined if method == "refined" else palette.prediction
    truth, predicted = (
        ground.at_border(position_m)
        for position_m in (outcomes.truth_m(shown), outcomes.predicted_m(shown, method))
    )
    errors = outcomes.error_m(shown, method)
    names = shown["filename"].tolist()
    texts = [f"{name}: {metres(away)}" for name, away in zip(names, errors, strict=True)]
    rows = shown.index.tolist()
    radius = 4.0 if len(rows) < CROWD else 2.4
    drawn = [
        *campus.below(palette),
        *_radii(ground, shown, palette, radii),
        layers.segments(ground, "errors", truth, predicted, palette.faint, opacity=0.7),
        layers.points(ground, f"{LAYER}-truth", truth, palette.truth, texts=texts, rows=rows,
                      radius_px=radius),
        layers.points(ground, LAYER, predicted, colour, texts=texts, rows=rows, radius_px=radius),
        *layers.far_marks(ground, f"{LAYER}-truth-far", outcomes.truth_m(shown), palette.truth,
                          texts=names, rows=rows),
        *layers.far_marks(ground, f"{LAYER}-far", outcomes.predicted_m(shown, method), colour,
                          texts=names, rows=rows),
        campus.names_layer(palette),
    ]  # fmt: skip
    if chosen is not None and outcomes.placed(everything)[chosen]:
        drawn += _chosen(ground, everything.loc[[chosen]], method, colour, palette)
    return deck(ground, drawn, palette, online=online)


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


def _radii(ground: Ground, shown: pd.DataFrame, palette: Palette, wanted: bool) -> list[pdk.Layer]:
    if not wanted or RADIUS not in shown:
        return []
    radius_m = shown[RADIUS].to_numpy(np.float64)
    return [radius_layer(ground, outcomes.predicted_m(shown, "refined"), radius_m, palette)]


def region_error_deck(
    campus: Backdrop,
    table: pd.DataFrame,
    palette: Palette,
    *,
    method: Method,
    online: bool,
) -> pdk.Deck:
    """Regions coloured by their median error, with the error under each name."""
    medians = outcomes.region_medians(table, method)
    texts = {region: metres(value) for region, value in medians.items()}
    worst = max(medians.values(), default=1.0)
    drawn = [
        *campus.below(palette, values=medians, worst=worst),
        campus.names_layer(palette, texts),
    ]
    return deck(campus.ground(), drawn, palette, online=online)


def _chosen(
    ground: Ground, photo: pd.DataFrame, method: Method, colour: str, palette: Palette
) -> list[pdk.Layer]:
    truth, predicted = (
        ground.at_border(position_m)
        for position_m in (outcomes.truth_m(photo), outcomes.predicted_m(photo, method))
    )
    true_deg = np.asarray(photo["true_angle"], np.float64)
    return [
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
