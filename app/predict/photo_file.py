"""What the file of a photo says about itself, beside the prediction that made no use of it."""

from math import isfinite

from app import wording
from app.photo import Photo
from core.dataset.exif import PhotoExif
from core.geo import distance_m, heading_error_deg
from core.inference.prediction import Prediction

_NORTH = {"magnetic": " (it counts from magnetic north)", "": " (it does not say from which north)"}


def file_says(photo: Photo, prediction: Prediction, row: int) -> str | None:
    """Return how far the file's own position and heading are from the predicted ones, as text.

    None if the file has neither, or nothing of it can be compared with what the model predicts.

    Args:
        photo: The file as it was chosen.
        prediction: Answers for one or more photos.
        row: Which of them is the photo's.
    """
    exif = photo.exif
    if exif is None:
        return None
    parts = list(filter(None, (_position(exif, prediction, row), _heading(exif, prediction, row))))
    if not parts:
        return None
    return f"The file says: {', '.join(parts)}. Not used for the answer, and in no download."


def _position(exif: PhotoExif, prediction: Prediction, row: int) -> str:
    frame, latitude, longitude = prediction.local_frame, exif.latitude, exif.longitude
    if latitude is None or longitude is None:
        return ""
    if "position" not in prediction.labels or not frame.frame.has_degrees:
        return ""
    spot = frame.from_degrees([[latitude, longitude]])[0]
    away = float(distance_m(spot, prediction.position_refined_m[row]))
    if not isfinite(away):
        return ""
    accuracy = "" if exif.accuracy_m is None else f" (its GPS: ± {wording.within(exif.accuracy_m)})"
    return f"{wording.within(away)} from here{accuracy}"


def _heading(exif: PhotoExif, prediction: Prediction, row: int) -> str:
    if exif.direction_deg is None or "heading" not in prediction.labels:
        return ""
    apart = float(heading_error_deg(exif.direction_deg, float(prediction.heading_refined_deg[row])))
    return f"{apart:.0f}° apart{_NORTH.get(exif.reference, '')}"
