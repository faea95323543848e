"""What is already known about photos: their region, their heading, or neither."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigError
from core.geo import Floats, wrap_heading_deg
from core.labels import PLURALS, Label

KnownRegion = str | Sequence[str | None] | None
KnownHeading = float | Sequence[float | None] | None

UNKNOWN = -1
_INFORMED: dict[Label, tuple[Label, ...]] = {
    "position": (),
    "heading": ("position",),
    "region": ("position", "heading"),
}


@dataclass(frozen=True)
class KnownMetadata:
    """Known metadata of n photos.

    Attributes:
        region: `(n,)` indices into the model's regions, -1 where unknown.
        heading_deg: `(n,)` in `[0, 360)`, NaN where unknown.
    """

    region: NDArray[np.int64]
    heading_deg: Floats

    @classmethod
    def of(
        cls,
        n: int,
        labels: tuple[Label, ...],
        regions: tuple[str, ...],
        region: KnownRegion,
        heading: KnownHeading,
    ) -> Self:
        """Check what a caller knows about n photos; one value stands for all of them.

        Args:
            n: Number of photos.
            labels: What the model predicts.
            regions: Its region ids.
            region: One region id for all photos, or one (or None) a photo.
            heading: One heading for all photos, or one (or None) a photo.

        Raises:
            ConfigError: A region that the model does not know, a heading that is no number, or
                metadata that cannot change what the model predicts.
        """
        named = [region] * n if region is None or isinstance(region, str) else list(region)
        turned = [heading] * n if heading is None or isinstance(heading, int | float) else heading
        if len(named) != n or len(turned) != n:
            raise ValueError(f"{len(named)} regions and {len(turned):,} headings for {n} photos")
        given: dict[Label, bool] = {
            "region": any(name is not None for name in named),
            "heading": any(value is not None for value in turned),
        }
        for label, is_known in given.items():
            if is_known:
                _check_useful(label, labels)
        return cls(
            np.array([_index(name, regions) for name in named], np.int64),
            np.array([_wrapped(value) for value in turned], np.float64),
        )

    def rows(self, part: slice) -> "KnownMetadata":
        """What is known about some of the photos."""
        return KnownMetadata(self.region[part], self.heading_deg[part])

    @property
    def anything(self) -> bool:
        """Whether anything is known about any photo."""
        return bool((self.region != UNKNOWN).any() or np.isfinite(self.heading_deg).any())


def improved_by(known: Label, labels: Collection[Label]) -> tuple[Label, ...]:
    """Return what a known region or heading improves, of a model of `labels`; often nothing."""
    if known not in labels:
        return ()
    return tuple(label for label in _INFORMED[known] if label in labels)


def _check_useful(known: Label, labels: tuple[Label, ...]) -> None:
    """Refuse a known region or heading that no other prediction is improved by."""
    if known not in labels:
        raise ConfigError(
            f"this model predicts no {PLURALS[known]}, so it cannot use a known {known}: leave it "
            "out"
        )
    if not improved_by(known, labels):
        informed = " and ".join(PLURALS[label] for label in _INFORMED[known])
        raise ConfigError(
            f"a known {known} improves {informed}, which this model does not predict: leave it out"
        )


def _index(name: str | None, regions: tuple[str, ...]) -> int:
    if name is None:
        return UNKNOWN
    if name not in regions:
        raise ConfigError(
            f"region {name!r} is none of this model's: choose one of {', '.join(regions)}"
        )
    return regions.index(name)


def _wrapped(heading: float | None) -> float:
    if heading is None:
        return float("nan")
    if not np.isfinite(heading):
        raise ConfigError(f"a known heading must be a number of degrees, got {heading}")
    return float(wrap_heading_deg(heading))
