"""A split: which photos train, validate, calibrate and test, as a named record with a hash."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from core.dataset.labels import Dataset
from core.errors import FAULTS, SplitError
from core.files import read_object
from core.splits.parts import PARTS, Part

Place = Literal[Part, "buffer"]
"""A part, or the buffer, which is in none."""
_NEEDED: tuple[Part, ...] = ("train", "val", "test")


@dataclass(frozen=True)
class Split:
    """Every photo of a dataset in exactly one part, or in the buffer between them.

    Attributes:
        protocol: The rule that made it.
        seed: What seeded the rule.
        fold: Which fold is the test part, or None.
        folds: How many folds, or None.
        parts: Part by photo_id: `train` is learnt from, `val` selects epoch and refinement,
            `calibrate` fits the confidence, `test` is evaluated. There may be no `calibrate` part.
            `buffer` photos are too near to held-out ones and in no part.
        radius_m: Photos this close share a part, if the protocol keeps spots together.
        gap_minutes: Photos this soon after one another share a part, if visits come from the clock.
        cell_m: Side of the cells that share a part, if the protocol holds out blocks.
        buffer_m: Held-out photos are farther than this from training photos, if it does.
        notes: What the rule had to assume, with counts.
    """

    protocol: str
    seed: int
    fold: int | None
    folds: int | None
    parts: dict[str, Place]
    radius_m: float | None = None
    gap_minutes: float | None = None
    cell_m: float | None = None
    buffer_m: float | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Reject unknown and empty parts."""
        sizes = Counter(self.parts.values())
        if set(sizes) - {*PARTS, "buffer"}:
            raise SplitError(f"a split has parts {', '.join(PARTS)}, not {sorted(sizes)}")
        empty = [part for part in _NEEDED if not sizes[part]]
        if empty:
            raise SplitError(
                f"the {self.protocol} split of {len(self.parts):,} photos leaves no photo for "
                f"{' and '.join(empty)}: bring more photos, {self._otherwise()}"
            )

    def _otherwise(self) -> str:
        if self.protocol == "block":
            return "give smaller split.cell_m and split.buffer_m, or choose the spot protocol"
        return "or choose the random protocol"

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the protocol and every photo's part: equal hashes are equal splits."""
        lines = [f"{photo}\t{part}" for photo, part in sorted(self.parts.items())]
        return hashlib.sha256("\n".join([self.protocol, *lines]).encode()).hexdigest()

    def check(self, dataset: Dataset) -> None:
        """Refuse a dataset with photos that this split does not know.

        Photos that lack a label are in no part then: older versions left them out.

        Raises:
            SplitError: Names how many and the first three.
        """
        complete = np.logical_and.reduce([dataset.labelled(label) for label in dataset.labels])
        whole = dataset.table["photo_id"][complete]
        strangers = [photo for photo in whole if photo not in self.parts]
        if strangers:
            raise SplitError(
                f"{len(strangers):,} of {len(dataset):,} photos of {dataset.root} are not in the "
                f"stored {self.protocol} split: {', '.join(strangers[:3])}. Use the dataset that "
                "the run was trained on, or evaluate all photos (--part all)"
            )

    def absent(self, dataset: Dataset) -> int:
        """How many photos of the split the dataset lacks (a demo rendered in part, say)."""
        return len(self.parts.keys() - set(dataset.table["photo_id"]))

    def rows(self, dataset: Dataset, part: Place) -> np.ndarray:
        """Row numbers `(k,)`, int64, of a part's (or the buffer's) photos, in table order.

        Raises:
            SplitError: The dataset has photos that the split does not know.
        """
        if part not in (*PARTS, "buffer"):
            raise SplitError(f"a split has parts {', '.join(PARTS)}, not {part!r}")
        self.check(dataset)
        chosen = [self.parts.get(photo) == part for photo in dataset.table["photo_id"]]
        return np.flatnonzero(chosen)

    def to_json(self) -> dict[str, Any]:
        """Return the split as JSON, photos listed by part, and the buffer if there is one."""
        listed: dict[str, list[str]] = {part: [] for part in PARTS}
        for photo in sorted(self.parts):
            listed.setdefault(self.parts[photo], []).append(photo)
        return {
            "protocol": self.protocol,
            "seed": self.seed,
            "fold": self.fold,
            "folds": self.folds,
            "radius_m": self.radius_m,
            "gap_minutes": self.gap_minutes,
            "cell_m": self.cell_m,
            "buffer_m": self.buffer_m,
            "notes": list(self.notes),
            "hash": self.hash,
            "parts": listed,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read back what `to_json` wrote.

        Raises:
            SplitError: A key is missing, a photo is in two parts, or the hash does not fit.
        """
        try:
            listed = value["parts"]
            parts = {photo: part for part, photos in listed.items() for photo in photos}
            known = {key: value[key] for key in ("protocol", "seed", "fold", "folds")}
            stored = value["hash"]
            if len(parts) != sum(len(photos) for photos in listed.values()):
                raise SplitError("the stored split is damaged: a photo is in it twice")
            rules = ("radius_m", "gap_minutes", "cell_m", "buffer_m")
            known |= {name: value.get(name) for name in rules}
            split = cls(**known, parts=parts, notes=tuple(value.get("notes", ())))
            fits = split.hash == stored
        except FAULTS as error:
            raise SplitError(f"the stored split is damaged: {error!r}") from error
        if not fits:
            raise SplitError(
                "the stored split is damaged: its photos do not fit its hash; restore split.json "
                "from the run that wrote it"
            )
        return split

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Read a `split.json`; None if there is no such file.

        Raises:
            SplitError: It is damaged.
        """
        content = read_object(path, "copy it again from the run that wrote it", SplitError)
        return None if content is None else cls.from_json(content)


def calibration_part(split: Split) -> Part:
    """Return the part that probabilities, radii and thresholds are fitted on.

    `calibrate`, or `val` if the split has none: then the photos that chose the epoch are used.
    """
    return "calibrate" if "calibrate" in split.parts.values() else "val"


def as_begun(split: Split, begun: Split) -> Split:
    """Return the split that a run was started with if it differs from `split` in `calibrate` only.

    Older versions kept all validation photos together; a run that was started so is resumed so.
    """
    together: dict[str, Place] = {
        p: "val" if part == "calibrate" else part for p, part in split.parts.items()
    }
    same = begun.parts == together and begun.protocol == split.protocol
    return begun if same else split
