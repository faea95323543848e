"""How hard the demo campus is before any model: `python -m benchmarks.demo_world DIR [--photos N]`.

The world was frozen by its looks and by two figures of this script: region accuracy of logistic
regression on 16x16 thumbnails (to stay under 0.35) and median position error of their nearest
neighbour (to stay over 40 m). Photos within 3 m of each other stay on one side of the split.
"""

import argparse
import csv
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import StandardScaler

from core.demo.photo import photo_jpeg
from core.geo import CoordinateFrame, LocalFrame

Floats = npt.NDArray[np.float64]


def thumbnails(folder: Path, names: list[str], side: int = 16) -> Floats:
    """Flattened ``(n, side * side * 3)`` thumbnails."""
    rows = []
    for name in names:
        image = cv2.imread(str(folder / "images" / name), cv2.IMREAD_COLOR)
        if image is None:
            raise SystemExit(f"{folder / 'images' / name} cannot be read: build the demo again")
        rows.append(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA).ravel())
    return np.array(rows, dtype=np.float64) / 255


def spots(metres: Floats, reach_m: float = 3.0) -> npt.NDArray[np.int64]:
    """Group number of each photo: photos within ``reach_m``, however indirectly, share one."""
    pairs = cKDTree(metres).query_pairs(reach_m, output_type="ndarray")
    size = len(metres)
    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(size, size))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def heading_gaps(rows: list[dict[str, str]]) -> Floats:
    """Absolute turns between successive photos of one standing point, degrees."""
    gaps = []
    for first, second in zip(rows[:-1], rows[1:], strict=True):
        same = all(first[key] == second[key] for key in ("latitude", "longitude", "walk"))
        turn = abs(float(first["angle"]) - float(second["angle"])) % 360
        if same:
            gaps.append(min(turn, 360 - turn))
    return np.array(gaps)


def main(arguments: list[str]) -> int:
    """Print the figures of one built folder; exit status 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=None, help="measure the first N photos only")
    options = parser.parse_args(arguments)
    with (options.folder / "labels.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))[: options.photos]
    region = np.array([int(row["Region_ID"]) for row in rows])
    labels = np.array([(float(row["latitude"]), float(row["longitude"])) for row in rows])
    metres = LocalFrame.about(CoordinateFrame("degrees"), labels).to_metres(labels)
    group = spots(metres)
    chosen = np.random.default_rng(0).random(group.max() + 1) < 0.2
    test = chosen[group]
    scaled = StandardScaler().fit(
        features := thumbnails(options.folder, [r["filename"] for r in rows])
    )
    features = scaled.transform(features)
    model = LogisticRegression(C=0.01, max_iter=300).fit(features[~test], region[~test])
    accuracy = float(model.score(features[test], region[test]))
    errors = {
        k: float(np.median(np.linalg.norm(
            KNeighborsRegressor(k).fit(features[~test], metres[~test]).predict(features[test])
            - metres[test], axis=1)))
        for k in (1, 5)
    }  # fmt: skip
    print(
        f"photos {len(rows)}, test {test.sum()}, spots {group.max() + 1}, largest {np.bincount(group).max()}"
    )
    print(f"region counts {np.bincount(region).tolist()}")
    print(f"median heading gap at a stop {np.median(heading_gaps(rows)):.1f} degrees")
    print(f"thumbnail logistic regression: region accuracy {accuracy:.3f} (bar: under 0.35)")
    print(
        f"thumbnail neighbours: median error {errors[1]:.1f} m (k=1), {errors[5]:.1f} m (k=5) (bar: over 40)"
    )
    photo_jpeg(7, 0)
    start = time.perf_counter()
    for index in range(50):
        photo_jpeg(7, index * 40)
    print(
        f"{50 / (time.perf_counter() - start):.1f} photos a second on one core, walks not planned before"
    )
    return int(accuracy >= 0.35 or min(errors.values()) <= 40)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
