"""Predictions on the map: pins, heading arrows, and the training photos that support one."""

from dataclasses import dataclass

import numpy as np
import pydeck as pdk

from app.figures.drawings import inset
from app.maps import layers
from app.maps.backdrop import Backdrop, places, region_ids
from app.maps.ground import HEIGHT_PX, WIDTH_PX, Ground, deck
from app.maps.layers import region_layers, wedge_layer
from app.theme import Palette
from core.confidence.apply import Confidence
from core.dataset.base_layer import BaseLayer
from core.geo import Floats
from core.inference.prediction import Prediction
from core.retrieval.gallery import Gallery

ARROW_M = 34.0
EVIDENCE_LAYER, PINS_LAYER = "evidence", "pins"
# The map of one answer shows at least so many metres from its middle to each side.
LEAST_HALF_M = 60.0
# A phone shows about this part of the width and height that a ground is fitted to.
_PHONE = np.array([300.0 / HEIGHT_PX, 340.0 / WIDTH_PX])


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
    base: BaseLayer | None = None,
) -> pdk.Deck:
    """One photo: refined pin with its arrow, raw position, numbered evidence, and the truth if any.

    The map starts at the area of the answer; the campus lies around it.

    Args:
        prediction: Answers for one or more photos.
        row: Which of them.
        gallery: The training photos, or None.
        palette: Colours of the reader's theme.
        most: How many training photos to show.
        truth: The label of the photo, where it has one.
        online: Whether a background is fetched from another host.
        base: Buildings, ways, lawns and water of the campus.
    """
    pin, raw = prediction.position_refined_m[[row]], prediction.position_m[[row]]
    campus, ground = backdrop(prediction, gallery, base), close_ground(prediction, row)
    drawn = [
        *campus.below(palette, faint=gallery is not None, shown=_inner(ground)),
        campus.names_layer(palette),
    ]
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
    base: BaseLayer | None = None,
) -> pdk.Deck:
    """Several photos: a pin with an arrow each; a click reports its row as `i`.

    Refused photos have no pin.
    """
    campus = backdrop(prediction, gallery, base)
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


def close_ground(prediction: Prediction, row: int) -> Ground:
    """The ground of one answer: the pin and the area that holds the truth 9 times in 10."""
    pin = prediction.position_refined_m[row]
    corners = [pin - ARROW_M, pin + ARROW_M]
    islands = () if prediction.confidence is None else prediction.confidence.region_m(row, 0.9)
    corners += [ring for island in islands or () for ring in island]
    points = np.concatenate([np.reshape(corner, (-1, 2)) for corner in corners])
    low, high = points.min(axis=0), points.max(axis=0)
    half = np.maximum((high - low) / 2.0 * 1.1, LEAST_HALF_M) / _PHONE
    (south, west), (north, east) = (low + high) / 2.0 - half, (low + high) / 2.0 + half
    frame = prediction.local_frame
    return Ground(frame, (float(south), float(west), float(north), float(east)))


def _inner(ground: Ground) -> Ground:
    """The part of a ground that a phone shows."""
    corners = np.reshape(ground.extent_m, (2, 2))
    middle = corners.mean(axis=0)
    (south, west), (north, east) = middle + (corners - middle) * _PHONE
    return Ground(ground.frame, (float(south), float(west), float(north), float(east)))


def campus_inset(
    prediction: Prediction, row: int, gallery: Gallery | None, palette: Palette
) -> str:
    """The whole campus as SVG, with the part that the map of one answer starts at."""
    campus = backdrop(prediction, gallery)
    ground = campus.ground()
    near = campus.position_m[~ground.beyond(campus.position_m)]
    hulls = places(campus.position_m, campus.region, campus.names, campus.order)
    areas = {area.region: area.polygons_m(campus.frame) for area in campus.areas}
    outlines = [
        rings[0]
        for region in hulls
        for rings in areas.get(region.region) or region.outlines_m(ground)
    ]
    box = np.reshape(_inner(close_ground(prediction, row)).extent_m, (2, 2))
    return inset(outlines, near, box, prediction.position_refined_m[row], palette)


def backdrop(
    prediction: Prediction, gallery: Gallery | None, base: BaseLayer | None = None
) -> Backdrop:
    """The training photos behind predictions; the predictions themselves where there are none."""
    regions, names = prediction.regions, prediction.region_names
    if gallery is None:
        places = prediction.position_refined_m
        return Backdrop(
            prediction.local_frame,
            places,
            prediction.region,
            regions,
            names,
            prediction.areas,
            base,
        )
    return Backdrop(
        prediction.local_frame,
        gallery.position_m,
        region_ids(gallery.region, regions),
        regions,
        names,
        prediction.areas,
        base,
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
