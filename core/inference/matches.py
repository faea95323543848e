"""Which keypoints of a photo lie as those of a training photo do: evidence that can be seen."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.dataset.decode import Pixels
from core.geo import Floats
from core.inference.predictor import Predictor
from core.retrieval.verification import matched_points


@dataclass(frozen=True)
class Matches:
    """Matched keypoints of a photo and one training photo: the inliers of the verification.

    Attributes:
        places: `(m, 2)` x and y in the photo, as fractions of its side from the top left.
        others: `(m, 2)` of the same keypoints in the training photo.
    """

    places: Floats
    others: Floats

    def __len__(self) -> int:
        """Number of matched keypoints."""
        return len(self.places)


def match_keypoints(
    predictor: Predictor, photo: Pixels, rows: Sequence[int]
) -> tuple[Matches, ...] | None:
    """Match the keypoints of a decoded photo with training photos.

    Args:
        predictor: Whose gallery holds the keypoints of the training photos.
        photo: `(s, s, 3)` uint8, as `Predictor.decode` returns it.
        rows: Rows of the gallery.

    Returns:
        One result a row; None for a gallery without keypoints.
    """
    gallery = predictor.gallery
    if gallery is None or gallery.local is None:
        return None
    query = gallery.local.described([photo])
    return tuple(Matches(*matched_points(query, gallery.local, row)) for row in rows)
