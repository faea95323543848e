"""Several photos taken as one walk: its smoothed track on a map, in a table and as files."""

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pydeck as pdk
import streamlit as st

from app import theme
from app.maps import layers
from app.maps.ground import Ground, deck
from app.photo import Photo
from app.predict.prediction_map import LEAST_HALF_M, backdrop
from app.theme import Palette
from app.widgets import messages, pickers
from core.errors import ConfigError
from core.geo import Floats
from core.inference.prediction import Prediction
from core.walk.export import records, written
from core.walk.times import Moments, order_of_files, order_of_times
from core.walk.walk import MEANING, Flag, Walk, make_walk

if TYPE_CHECKING:
    from core.inference.predictor import Predictor
    from core.retrieval.gallery import Gallery

_APART_S = 30.0
_FORMS = {"gpx": "GPX", "kml": "KML", "geojson": "GeoJSON", "csv": "CSV", "json": "JSON"}
_HEIGHT_PX = 420


def show(
    predictor: "Predictor", prediction: Prediction, photos: tuple[Photo, ...], about: str
) -> None:
    """Offer to put several photos together as one walk, if the model can; show its track.

    Args:
        predictor: The model.
        prediction: Answers for at least two photos.
        photos: Their files, whose EXIF holds the times.
        about: Identity of photos and answers.
    """
    confidence = prediction.confidence
    if len(photos) < 2 or confidence is None or confidence.density is None:
        return
    wanted = st.toggle(
        "These photos are one walk", key=f"predict_walk_{about}",
        help="Puts them in order of time and smooths their positions: photos before and after one "
        "that is ambiguous decide where it was taken",
    )  # fmt: skip
    if not wanted:
        return
    try:
        moments = moments_of(photos)
        gallery = predictor.gallery
        training_m = prediction.position_refined_m if gallery is None else gallery.position_m
        walk = _walk(f"{predictor.fingerprint} {about}", prediction, moments, training_m)
    except ConfigError as error:
        messages.show_error(error)
        return
    st.markdown(f"**{sentence(walk)}**")
    for note in walk.notes:
        st.caption(messages.plain(note))
    st.pydeck_chart(
        walk_deck(walk, gallery, theme.palette(), online=pickers.online_tiles()),
        height=_HEIGHT_PX, key=f"predict_walk_map_{about}",
    )  # fmt: skip
    st.dataframe(steps(walk), hide_index=True, key=f"predict_walk_table_{about}")
    on_earth = prediction.local_frame.frame.has_degrees
    with st.container(horizontal=True, gap="xsmall"):
        for form, name in _FORMS.items():
            if on_earth or form in ("csv", "json"):
                st.download_button(
                    name, partial(written, walk, form), f"walk.{form}",
                    key=f"predict_walk_{form}_{about}", on_click="ignore",
                    icon=":material/download:",
                )  # fmt: skip


def moments_of(photos: tuple[Photo, ...]) -> Moments:
    """Return when photos were taken, by their EXIF; in their order here if none has a time."""
    texts = ["" if photo.exif is None else photo.exif.taken for photo in photos]
    if any(texts):
        return order_of_times(texts, [photo.name for photo in photos])
    return order_of_files(len(photos), _APART_S)


@st.cache_data(max_entries=4, show_spinner="Putting the walk together …")
def _walk(about: str, _prediction: Prediction, _moments: Moments, _training_m: Floats) -> Walk:
    """The walk of the photos that `about` identifies."""
    return make_walk(_prediction, _moments, _training_m)


def sentence(walk: Walk) -> str:
    """Say how many photos are on the track, how sure they are, and what was found."""
    flags: list[Flag] = [flag for each in walk.flags for flag in each]
    radius = float(np.median(walk.radius_m[:, -1]))
    parts = [
        f"{len(walk.rows):,} of {len(walk.flags):,} photos on the track, typically within "
        f"{radius:.0f} m (90 % confidence)"
    ]
    if count := flags.count("overruled"):
        parts.append(f"{count} overruled by the photos before and after")
    if count := flags.count("jump"):
        parts.append(f"{count} faster than {walk.motion.limit_mps:g} m/s")
    return "; ".join(parts)


def steps(walk: Walk) -> pd.DataFrame:
    """Return a row a photo, those on the track in the order of time, as people read it."""
    return pd.DataFrame(
        {
            "Photo": record["filename"],
            "Time": record["time"] or "",
            "Within (m)": None if (r := record["radius_90_m"]) is None else round(r),
            "Note": "; ".join(MEANING[flag] for flag in record["flags"]),
        }
        for record in records(walk)
    )


def walk_deck(walk: Walk, gallery: "Gallery | None", palette: Palette, *, online: bool) -> pdk.Deck:
    """The track with a dot a photo; thin lines lead from what each photo said alone."""
    campus = backdrop(walk.prediction, gallery, None)
    ground = _near(walk)
    drawn = [
        *campus.below(palette, faint=gallery is not None, shown=ground),
        campus.names_layer(palette),
    ]
    alone = walk.prediction.position_refined_m[walk.rows]
    linked = np.diff(walk.segment) == 0
    track = walk.position_m
    drawn += [
        layers.segments(ground, "alone", alone, track, palette.prediction, opacity=0.35),
        layers.segments(ground, "track", track[:-1][linked], track[1:][linked], palette.refined,
                        opacity=0.9, width_px=3.0),
        layers.points(ground, "steps", track, palette.refined, radius_px=5,
                      texts=[walk.prediction.filenames[row] for row in walk.rows],
                      ring=palette.background),
    ]  # fmt: skip
    return deck(ground, drawn, palette, online=online)


def _near(walk: Walk) -> Ground:
    """The ground of the track, with as much around it."""
    low, high = walk.position_m.min(axis=0), walk.position_m.max(axis=0)
    half = np.maximum(high - low, LEAST_HALF_M)
    (south, west), (north, east) = (low + high) / 2.0 - half, (low + high) / 2.0 + half
    frame = walk.prediction.local_frame
    return Ground(frame, (float(south), float(west), float(north), float(east)))
