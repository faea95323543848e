"""How hard the demo campus is before any model: `python -m benchmarks.demo_world DIR [--photos N]`.

The world was frozen by its looks and by two figures of this script: region accuracy of logistic
regression on 16x16 thumbnails (to stay under 0.35) and median position error of their nearest
neighbour (to stay over 40 m). Photos within 3 m of each other stay on one side of the split.
"""

import argparse
import csv
import sys
import time
from itertools import pairwise
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
    for first, second in pairwise(rows):
        same = all(first[key] == second[key] for key in ("latitude", "longitude", "walk"))
        turn = abs(float(first["angle"]) - float(second["angle"])) % 360
        if same:
            gaps.append(min(turn, 360 - turn))
    return np.array(gaps)


def read(folder: Path, photos: int | None) -> list[dict[str, str]]:
    """The first rows of the label file."""
    with (folder / "labels.csv").open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))[:photos]


def baselines(
    features: Floats, region: npt.NDArray[np.int64], metres: Floats, test: npt.NDArray[np.bool_]
) -> tuple[float, dict[int, float]]:
    """Region accuracy of logistic regression; median neighbour errors in metres by k."""
    features = StandardScaler().fit(features[~test]).transform(features)
    model = LogisticRegression(C=0.01, max_iter=300).fit(features[~test], region[~test])
    errors = {}
    for k in (1, 5):
        nearest = KNeighborsRegressor(k).fit(features[~test], metres[~test])
        gaps = np.linalg.norm(nearest.predict(features[test]) - metres[test], axis=1)
        errors[k] = float(np.median(gaps))
    return float(model.score(features[test], region[test])), errors


def photos_per_second(count: int = 50) -> float:
    """Speed on one core, the planning of walks included, the world built before."""
    photo_jpeg(7, 0)
    start = time.perf_counter()
    for index in range(count):
        photo_jpeg(7, index * 40)
    return count / (time.perf_counter() - start)


def main(arguments: list[str]) -> int:
    """Print the figures of one built folder; exit status 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=None, help="measure the first N photos only")
    options = parser.parse_args(arguments)
    rows = read(options.folder, options.photos)
    region = np.array([int(row["Region_ID"]) for row in rows])
    labels = np.array([(float(row["latitude"]), float(row["longitude"])) for row in rows])
    metres = LocalFrame.about(CoordinateFrame("degrees"), labels).to_metres(labels)
    group = spots(metres)
    test = (np.random.default_rng(0).random(group.max() + 1) < 0.2)[group]
    features = thumbnails(options.folder, [row["filename"] for row in rows])
    accuracy, errors = baselines(features, region, metres, test)
    largest = np.bincount(group).max()
    print(f"photos {len(rows)}, test {test.sum()}, spots {group.max() + 1}, largest {largest}")
    print(f"photos a region {np.bincount(region).tolist()}")
    print(f"median heading gap at a stop {np.median(heading_gaps(rows)):.1f} degrees")
    print(f"thumbnails, logistic regression: region accuracy {accuracy:.3f} (bar: under 0.35)")
    for k, error in errors.items():
        print(f"thumbnails, {k} neighbours: median error {error:.1f} m (bar: over 40)")
    print(f"{photos_per_second():.1f} photos a second on one core")
    return int(accuracy >= 0.35 or min(errors.values()) <= 40)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
