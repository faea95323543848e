"""A campus of photos that differ from one another, for tests that spoil some of them."""

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from core.audit.findings import Finding
from core.audit.run import audit
from core.audit.schema import AuditConfig

PHOTOS = 48
ORIGIN = (17.44, 78.34)


def scene(seed: int, size: tuple[int, int] = (160, 120)) -> np.ndarray:
    """Patches and fine grain, like no other seed's."""
    rng = np.random.default_rng(seed)
    patches = rng.integers(30, 200, (6, 8, 3)).astype(np.float32)
    large = cv2.resize(patches, size, interpolation=cv2.INTER_NEAREST)
    grain = rng.normal(0.0, 8.0, large.shape)
    return (large + grain).clip(0, 255).astype(np.uint8)


def jpeg(pixels: np.ndarray, path: Path, quality: int = 92, **options: object) -> None:
    """Write a photo."""
    Image.fromarray(pixels).save(path, "JPEG", quality=quality, **options)


@dataclass
class PhotoCampus:
    """A dataset folder whose photos and labels a test may spoil; labels are written at audit."""

    root: Path
    labels: pd.DataFrame = field(init=False)

    def __post_init__(self) -> None:
        """Write the photos; the campus is two regions, 3 m a photo."""
        (self.root / "images").mkdir(parents=True)
        for row in range(PHOTOS):
            jpeg(scene(row), self.photo(row))
        self.labels = pd.DataFrame(
            {
                "filename": [f"img_{row:02d}.jpg" for row in range(PHOTOS)],
                "timestamp": "10:00",
                "latitude": [ORIGIN[0] + 3.0 * row / 111_195.0 for row in range(PHOTOS)],
                "longitude": ORIGIN[1],
                "angle": [(37 * row) % 360 for row in range(PHOTOS)],
                "Region_ID": [1 + row // (PHOTOS // 2) for row in range(PHOTOS)],
            }
        )

    def photo(self, row: int) -> Path:
        """Path of a row's photo."""
        return self.root / "images" / f"img_{row:02d}.jpg"

    def label(self, row: int, like: int, **changes: object) -> None:
        """Label a row as another, but for the changes."""
        for name in ("latitude", "longitude", "angle", "Region_ID"):
            self.labels.loc[row, name] = changes.get(name, self.labels.loc[like, name])

    def audited(self, **options: object) -> dict[tuple[str, int], Finding]:
        """Findings about single photos by kind and row."""
        self.labels.to_csv(self.root / "labels.csv", index=False)
        findings = audit(AuditConfig.model_validate({"dataset": self.root, **options})).findings
        row = {name: number for number, name in enumerate(self.labels["filename"])}
        return {(f.finding, row[f.filename]): f for f in findings if f.filename in row}
