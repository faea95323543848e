"""Predictions on the map: pins, heading arrows, and the training photos that support one."""

from dataclasses import dataclass

import numpy as np
import pydeck as pdk

from app.maps import layers
from app.maps.backdrop import Backdrop, region_ids
from app.maps.ground import Ground, deck
from app.maps.layers import region_layers, wedge_layer
from app.theme import Palette
from core.confidence.apply import Confidence
from core.geo import Floats
from core.inference.prediction import Prediction
from core.retrieval.gallery import Gallery

ARROW_M = 34.0
EVIDENCE_LAYER, PINS_LAYER = "evidence", "pins"


@dataclass(frozen=True)
class Truth:
    """Ground truth of a labelled photo.

    Attributes:
        position_m: `(2,)`; None without a position.
        heading_deg: None without a heading.
        region: Id of the region; empty without one.
    """

    position_m: Floats | None
    heading_deg: float | None
    region: str = ""


def evidence_deck(
    prediction: Prediction,
    row: int,
    gallery: Gallery | None,
    palette: Palette,
    *,
    most: int,
    truth: Truth | None,
    online: bool,
) -> pdk.Deck:
    """One photo: refined pin with its arrow, raw position, numbered evidence, and the truth if any.

    Args:
        prediction: Answers for one or more photos.
        row: Which of them.
        gallery: The training photos, or None.
        palette: Colours of the reader's theme.
        most: How many training photos to show.
        truth: The label of the photo, where it has one.
        online: Whether a background is fetched from another host.
    """
    pin, raw = prediction.position_refined_m[[row]], prediction.position_m[[row]]
    campus = backdrop(prediction, gallery)
    ground, drawn = campus.ground(), campus.below(palette, faint=gallery is not None)
    drawn.append(campus.names_layer(palette))
    if prediction.confidence is not None:
        drawn += _confidence(ground, prediction, prediction.confidence, row, palette)
    if gallery is not None:
        rows = prediction.neighbours[row][:most]
        drawn += _evidence(ground, gallery, rows, pin, palette)
    if truth is not None and truth.position_m is not None:
        heading = np.nan if truth.heading_deg is None else truth.heading_deg
        drawn += [
            layers.segments(ground, "error", truth.position_m[None], pin, palette.text),
            *_pin(ground, "truth", truth.position_m[None], heading, palette.truth),
        ]
    drawn.append(layers.points(ground, "raw", raw, palette.prediction, radius_px=5,
                               ring=palette.background))  # fmt: skip
    heading = float(prediction.heading_refined_deg[row])
    drawn += _pin(ground, "refined", pin, heading, palette.refined, ring=palette.background)
    return deck(ground, drawn, palette, online=online)


def pins_deck(
    prediction: Prediction,
    gallery: Gallery | None,
    palette: Palette,
    *,
    chosen: int | None,
    online: bool,
) -> pdk.Deck:
    """Several photos: a pin with an arrow each; a click reports its row as `i`.

    Refused photos have no pin.
    """
    campus = backdrop(prediction, gallery)
    ground, drawn = campus.ground(), campus.below(palette, faint=gallery is not None)
    drawn.append(campus.names_layer(palette))
    pins, rows = prediction.position_refined_m, np.flatnonzero(~prediction.refused)
    texts = [prediction.filenames[row] for row in rows]
    drawn += [
        layers.arrows(ground, "headings", pins[rows], prediction.heading_refined_deg[rows],
                      palette.refined, length_m=ARROW_M * 0.7, opacity=0.6),
        layers.points(ground, PINS_LAYER, pins[rows], palette.refined, radius_px=6,
                      texts=texts, rows=rows.tolist(), ring=palette.background),
    ]  # fmt: skip
    if chosen is not None and chosen in rows:
        drawn.append(layers.points(ground, "chosen", pins[[chosen]], palette.refined, radius_px=9,
                                   ring=palette.text))  # fmt: skip
    return deck(ground, drawn, palette, online=online)


def backdrop(prediction: Prediction, gallery: Gallery | None) -> Backdrop:
    """The training photos behind predictions; the predictions themselves where there are none."""
    regions, names = prediction.regions, prediction.region_names
    if gallery is None:
        places = prediction.position_refined_m
        return Backdrop(
            prediction.local_frame, places, prediction.region, regions, names, prediction.areas
        )
    return Backdrop(
        prediction.local_frame,
        gallery.position_m,
        region_ids(gallery.region, regions),
        regions,
        names,
        prediction.areas,
    )


def _confidence(
    ground: Ground, prediction: Prediction, trust: Confidence, row: int, palette: Palette
) -> list[pdk.Layer]:
    drawn = region_layers(ground, trust, row, palette)
    half_deg = float(trust.wedge_deg[row, -1])
    if np.isfinite(half_deg):
        pin, heading = prediction.position_refined_m[row], prediction.heading_refined_deg[row]
        drawn.append(wedge_layer(ground, pin, float(heading), half_deg, palette))
    return drawn


def _evidence(
    ground: Ground, gallery: Gallery, rows: np.ndarray, pin: Floats, palette: Palette
) -> list[pdk.Layer]:
    places = gallery.position_m[rows]
    texts = [f"{rank}: {gallery.filenames[index]}" for rank, index in enumerate(rows, start=1)]
    return [
        layers.segments(ground, "evidence-lines", np.repeat(pin, len(rows), axis=0), places,
                        palette.evidence, opacity=0.5),
        layers.arrows(ground, "evidence-arrows", places, gallery.heading_deg[rows],
                      palette.evidence, length_m=ARROW_M * 0.6, opacity=0.7),
        layers.points(ground, EVIDENCE_LAYER, places, palette.evidence, radius_px=7, texts=texts,
                      ring=palette.background),
        layers.labels(ground, "evidence-numbers", places,
                      [str(rank) for rank in range(1, len(rows) + 1)], palette, size_px=13),
    ]  # fmt: skip


def _pin(
    ground: Ground,
    layer: str,
    place: Floats,
    heading_deg: float,
    colour: str,
    ring: str | None = None,
) -> list[pdk.Layer]:
    return [
        layers.arrows(ground, f"{layer}-arrow", place, [heading_deg], colour, length_m=ARROW_M),
        layers.points(ground, layer, place, colour, radius_px=8, ring=ring),
    ]
