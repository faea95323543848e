"""The truth about photos, in the metres of the checkpoint that is judged."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.dataset.labels import Dataset
from core.errors import FrameError
from core.geo import CoordinateFrame, Floats, LocalFrame
from core.model.card import Card


@dataclass(frozen=True)
class Truth:
    """Labels of n photos.

    Attributes:
        photo_ids: Keys of the photos in their dataset.
        filenames: Names as in the label file.
        regions: Region ids: the model's in its order, then those that only the dataset has.
        region: `(n,)` indices into `regions`.
        labels: `(n, 2)` `[latitude, longitude]` in the dataset's label units.
        position_m: `(n, 2)` `[north_m, east_m]` in the checkpoint's local frame.
        heading_deg: `(n,)` in `[0, 360)`.
        minute: `(n,)` minute of the day, NaN where unknown.
        frame: What the dataset's label units mean.
        local_frame: The checkpoint's local metres.
    """

    photo_ids: tuple[str, ...]
    filenames: tuple[str, ...]
    regions: tuple[str, ...]
    region: NDArray[np.int64]
    labels: Floats
    position_m: Floats
    heading_deg: Floats
    minute: Floats
    frame: CoordinateFrame
    local_frame: LocalFrame

    def __post_init__(self) -> None:
        """Check every shape."""
        n = len(self.photo_ids)
        shapes = (self.labels.shape, self.position_m.shape)
        rows = {len(self.filenames), len(self.region), len(self.heading_deg), len(self.minute)}
        if shapes != ((n, 2), (n, 2)) or rows != {n}:
            raise ValueError(f"truth of {n} photos does not fit: {shapes}, {rows}")

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.photo_ids)

    def to_labels(self, position_m: Floats) -> Floats:
        """Turn `(n, 2)` local metres into the dataset's label units."""
        if self.frame == self.local_frame.frame:
            return self.local_frame.to_labels(position_m)
        return self.frame.from_degrees(self.local_frame.to_degrees(position_m))


def read_truth(dataset: Dataset, rows: NDArray[np.int64], card: Card) -> Truth:
    """Return the labels of some rows of a dataset, in the metres of a checkpoint.

    Raises:
        FrameError: Dataset and checkpoint use frames that nothing connects.
    """
    table = dataset.table.iloc[rows]
    own = set(card.regions)
    regions = (*card.regions, *(name for name in dataset.regions if name not in own))
    index = {name: number for number, name in enumerate(regions)}
    labels = dataset.positions[rows]
    return Truth(
        photo_ids=tuple(table["photo_id"]),
        filenames=tuple(table["filename"]),
        regions=regions,
        region=np.array([index[name] for name in table["region"]], np.int64),
        labels=labels,
        position_m=_metres(labels, dataset.campus.frame, card),
        heading_deg=dataset.headings_deg[rows],
        minute=table["minute"].to_numpy(np.float64),
        frame=dataset.campus.frame,
        local_frame=card.local_frame,
    )


def _metres(labels: Floats, frame: CoordinateFrame, card: Card) -> Floats:
    local = card.local_frame
    if frame == card.frame:
        return local.to_metres(labels)
    if not (frame.has_degrees and card.frame.has_degrees):
        raise FrameError(
            f"the dataset's positions are {frame.kind} and the checkpoint's {card.frame.kind}: "
            "nothing connects the two, so errors between them mean nothing. Give both the same "
            "frame in campus.toml"
        )
    return local.from_degrees(frame.to_degrees(labels))
