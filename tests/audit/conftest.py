"""A label file without photos, sound until a test spoils it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.audit.findings import Finding
from core.audit.run import audit
from core.audit.schema import AuditConfig

Spoil = Callable[[pd.DataFrame], None]
ORIGIN = (17.44, 78.34)


@pytest.fixture
def labels() -> pd.DataFrame:
    """480 rows in 4 regions on two walks each, coordinates in degrees as text."""
    rng = np.random.default_rng(0)
    rows = []
    for region in range(4):
        for step in range(120):
            walk, photo = divmod(step, 60)
            north_m = 2.0 * photo + rng.normal(0, 1) + 60.0 * (region // 2) + 60.0 * walk % 60
            east_m = 150.0 * (region % 2) + 20.0 * walk + rng.normal(0, 8)
            minutes = 9 * 60 + 120 * region + 300 * walk % 240 + photo // 3
            rows.append(
                {
                    "filename": f"img_{len(rows):04d}.jpg",
                    "timestamp": f"{minutes // 60:02d}:{minutes % 60:02d}",
                    "latitude": f"{ORIGIN[0] + (north_m + 130 * (region // 2)) / 111_320:.6f}",
                    "longitude": f"{ORIGIN[1] + east_m / 106_000:.6f}",
                    "angle": str(int(rng.integers(0, 360))),
                    "Region_ID": str(region + 1),
                }
            )
    return pd.DataFrame(rows)


@pytest.fixture
def audited(labels: pd.DataFrame, tmp_path: Path) -> Callable[..., list[Finding]]:
    """Spoil rows, write the file, audit it: `audited({5: {"angle": "372"}})`."""

    def run(changes: dict[int, dict[str, str]], **options: object) -> list[Finding]:
        spoiled = labels.copy()
        for row, values in changes.items():
            for column, value in values.items():
                spoiled.loc[row, column] = value
        path = tmp_path / "labels.csv"
        spoiled.to_csv(path, index=False)
        config = AuditConfig.model_validate({"dataset": path, **options})
        return list(audit(config).findings)

    return run
