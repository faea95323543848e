"""Predictions for photos, with the training photos that are their evidence."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from core.areas import Area
from core.confidence.apply import Confidence
from core.confidence.evidence import Evidence
from core.geo import Floats, LocalFrame, distance_m
from core.labels import LABELS, Label

_NAN_WITHOUT: dict[Label, tuple[str, ...]] = {
    "position": ("position_m", "position_refined_m"),
    "heading": ("heading_deg", "heading_refined_deg", "heading_length"),
}


@dataclass(frozen=True)
class Prediction:
    """Predictions for n photos; R regions, k neighbours a photo.

    Attributes:
        photo_ids: Keys of the photos: dataset keys, or paths of files.
        filenames: Their names.
        regions: Region ids in the model's order.
        region_names: Display name by region id, where there is one.
        local_frame: What the metres are relative to and what label units mean.
        region_probabilities: `(n, R)`, rows adding to 1, with the neighbours' votes.
        region_head: `(n, R)`, the same as the region head alone gives it.
        position_m: `(n, 2)` `[north_m, east_m]`, as the network gives it.
        position_refined_m: `(n, 2)` after refinement by training photos.
        heading_deg: `(n,)` in `[0, 360)`, as the network gives it.
        heading_refined_deg: `(n,)` after refinement.
        heading_length: `(n,)` length of the network's heading vector: near 1 sure, near 0 unsure.
        neighbours: `(n, k)` rows of the gallery that look most alike, best first; k is 0 where the
            checkpoint has no gallery.
        similarity: `(n, k)` cosine of the descriptors, in `[-1, 1]`.
        weight: `(n, k)` share of each neighbour in the retrieved position.
        inliers: `(n, k)` how many points of each photo lie as those of each neighbour do; -1 where
            they were not compared, as where the gallery holds none.
        descriptor: `(n, D)` what the gallery was searched by; starts with the network's features.
        evidence: The most similar training photos on the whole campus, and out-of-distribution
            features.
        confidence: Calibrated probabilities, areas and refusals; None if the checkpoint is not
            calibrated.
        notes: What a reader should know, such as that nothing could be refined.
        members: Only for an ensemble: the predictions of its members, without descriptors.
        member_spread_m: Only for an ensemble: `(n,)` metres from the weighted mean of the members'
            refined positions to the farthest of them.
        member_spread_deg: Only for an ensemble: `(n,)` degrees from the refined heading to that of
            the member that turns farthest from it.
        labels: What the model predicts. Positions, headings and lengths that it does not predict
            are NaN; without regions `regions` is empty.
        areas: Polygons of the regions, if the model knows some.
    """

    photo_ids: tuple[str, ...]
    filenames: tuple[str, ...]
    regions: tuple[str, ...]
    region_names: dict[str, str]
    local_frame: LocalFrame
    region_probabilities: Floats
    region_head: Floats
    position_m: Floats
    position_refined_m: Floats
    heading_deg: Floats
    heading_refined_deg: Floats
    heading_length: Floats
    neighbours: NDArray[np.int64]
    similarity: Floats
    weight: Floats
    inliers: NDArray[np.int64]
    descriptor: NDArray[np.float32]
    evidence: Evidence | None = None
    confidence: Confidence | None = None
    notes: tuple[str, ...] = ()
    members: tuple["Prediction", ...] = ()
    member_spread_m: Floats | None = None
    member_spread_deg: Floats | None = None
    labels: tuple[Label, ...] = LABELS
    areas: tuple[Area, ...] = ()

    def __post_init__(self) -> None:
        """Check every shape."""
        n, k = len(self.photo_ids), self.neighbours.shape[-1]
        expected = {
            "region_probabilities": (n, len(self.regions)),
            "region_head": (n, len(self.regions)),
            "position_m": (n, 2),
            "position_refined_m": (n, 2),
            "heading_deg": (n,),
            "heading_refined_deg": (n,),
            "heading_length": (n,),
            "neighbours": (n, k),
            "similarity": (n, k),
            "weight": (n, k),
            "inliers": (n, k),
        }
        if self.member_spread_m is not None:
            expected |= {"member_spread_m": (n,), "member_spread_deg": (n,)}
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} must be {shape}, got {getattr(self, name).shape}")
        if self.confidence is not None and len(self.confidence.refused) != n:
            raise ValueError(f"confidence must be in {n} answers")
        if len(self.filenames) != n or len(self.descriptor) != n:
            raise ValueError(f"filenames and descriptors must hold {n} photos")
        if ("region" in self.labels) != bool(self.regions):
            raise ValueError("a prediction has regions if, and only if, its labels say so")
        for label, names in _NAN_WITHOUT.items():
            if label not in self.labels and any(
                np.isfinite(getattr(self, name)).any() for name in names
            ):
                raise ValueError(f"a {label} that is not predicted must be NaN")
        if any(member.photo_ids != self.photo_ids for member in self.members):
            raise ValueError("the members of an ensemble must answer for the same photos")

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.photo_ids)

    def rows(self, rows: NDArray[np.int64]) -> Self:
        """The predictions of some of the photos, by index."""
        arrays: dict[str, Any] = {
            item.name: getattr(self, item.name)[rows]
            for item in fields(self)
            if isinstance(getattr(self, item.name), np.ndarray)
        }
        return replace(
            self,
            photo_ids=tuple(self.photo_ids[row] for row in rows),
            filenames=tuple(self.filenames[row] for row in rows),
            evidence=None if self.evidence is None else self.evidence.rows(rows),
            confidence=None if self.confidence is None else self.confidence.rows(rows),
            members=tuple(member.rows(rows) for member in self.members),
            **arrays,
        )

    @cached_property
    def ranked_regions(self) -> NDArray[np.int64]:
        """`(n, R)` region indices by falling probability."""
        return np.argsort(-self.region_probabilities, axis=1, kind="stable")

    @property
    def region_index(self) -> NDArray[np.int64]:
        """`(n,)` index of the most probable region; -1 if regions are not predicted."""
        return self.ranked_regions[:, 0] if self.regions else np.full(len(self), -1)

    @property
    def region(self) -> tuple[str, ...]:
        """The most probable region of each photo; `""` if regions are not predicted."""
        return tuple(self.regions[index] if index >= 0 else "" for index in self.region_index)

    @property
    def region_probability(self) -> Floats:
        """`(n,)` probability of the most probable region; NaN if regions are not predicted."""
        if not self.regions:
            return np.full(len(self), np.nan)
        return np.asarray(self.region_probabilities.max(axis=1))

    @property
    def refused(self) -> NDArray[np.bool_]:
        """`(n,)` whether the photo is none of this campus; never without a calibration."""
        return np.zeros(len(self), bool) if self.confidence is None else self.confidence.refused

    @property
    def moved_m(self) -> Floats:
        """`(n,)` how far the refinement moved the pin; NaN if positions are not predicted."""
        return distance_m(self.position_m, self.position_refined_m)

    @cached_property
    def positions(self) -> Floats:
        """`(n, 2)` raw `[latitude, longitude]` in label units."""
        return self.local_frame.to_labels(self.position_m)

    @cached_property
    def positions_refined(self) -> Floats:
        """`(n, 2)` refined `[latitude, longitude]` in label units."""
        return self.local_frame.to_labels(self.position_refined_m)

    @cached_property
    def degrees(self) -> Floats:
        """`(n, 2)` raw WGS 84 degrees; FrameError where the frame is planar."""
        return self.local_frame.to_degrees(self.position_m)

    @cached_property
    def degrees_refined(self) -> Floats:
        """`(n, 2)` refined WGS 84 degrees; FrameError where the frame is planar."""
        return self.local_frame.to_degrees(self.position_refined_m)


def joined(parts: Sequence[Prediction]) -> Prediction:
    """Put predictions of one predictor together; at least one part."""
    first = parts[0]
    arrays: dict[str, Any] = {
        item.name: np.concatenate([getattr(part, item.name) for part in parts])
        for item in fields(first)
        if isinstance(getattr(first, item.name), np.ndarray)
    }
    evidence_parts = [part.evidence for part in parts if part.evidence is not None]
    confidences = [part.confidence for part in parts if part.confidence is not None]
    return replace(
        first,
        evidence=Evidence.joined(evidence_parts) if evidence_parts else None,
        confidence=Confidence.joined(confidences) if confidences else None,
        photo_ids=tuple(name for part in parts for name in part.photo_ids),
        filenames=tuple(name for part in parts for name in part.filenames),
        members=tuple(joined(same) for same in zip(*(part.members for part in parts), strict=True)),
        **arrays,
    )
