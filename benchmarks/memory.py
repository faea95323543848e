"""Greatest memory of a process that browses many labels, and of one that trains on many photos.

`python -m benchmarks.memory browse|train FOLDER` does the work; the benchmark runs it as a process
of its own and reads what it took. Pages of the decoded photos are read from the disk as needed and
given back under pressure; they are not counted.
"""

import os
import resource
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import psutil

from benchmarks.effort import Effort
from benchmarks.goals import verdict
from core.project import PROJECT

LABELS, PHOTOS = 650_000, 65_000
_MOST_GB = 4.0
_EVERY_S = 0.05
_CALLED = {"browse": "browsing", "train": "training on"}
_UNIT = {"browse": "label rows", "train": "photos"}


def measure(effort: Effort) -> list[str]:
    """Browse labels and train on photos, of two numbers each; carry the differences on."""
    photos = sorted((effort.demo / "images").iterdir())
    sizes = {
        "browse": (200, 400) if effort.quick else (6_500, 65_000),
        "train": (60, 120) if effort.quick else (400, 1_200),
    }
    goals, lines, whole = {"browse": LABELS, "train": PHOTOS}, [], {}
    for work, counts in sizes.items():
        took = [
            greatest_gb(work, made_labels(effort.folder() / work, count, photos))
            for count in counts
        ]
        each = max(took[1] - took[0], 0.0) / (counts[1] - counts[0])
        whole[work] = took[1] + each * (goals[work] - counts[1])
        lines += [
            *(
                f"| {_CALLED[work]} {count:,} {_UNIT[work]} | {size:.2f} |"
                for count, size in zip(counts, took, strict=True)
            ),
            f"| {_CALLED[work]} {goals[work]:,} {_UNIT[work]}, by these | {whole[work]:.2f} |",
        ]
    return [
        "| work | GB |",
        "|---|---|",
        *lines,
        "",
        "Memory of a process that no file holds, at its greatest. Training: test_resnet at 64 px, "
        "heads and backbone, keypoints, calibration.",
        *verdict(
            f"{LABELS:,} label rows and {PHOTOS:,} photos in {_MOST_GB:g} GB each",
            f"{whole['browse']:.2f} and {whole['train']:.2f} GB",
            met=max(whole.values()) <= _MOST_GB,
        ),
    ]


def made_labels(root: Path, rows: int, photos: Sequence[Path]) -> Path:
    """A data set of so many label rows, whose photos are a few files under many names."""
    rng = np.random.default_rng(0)
    images = root / "images"
    images.mkdir(parents=True)
    north, east = rng.uniform(0.0, 0.01, (2, rows))
    heading, region = rng.uniform(0.0, 360.0, rows), rng.integers(1, 16, rows)
    lines = ["filename,latitude,longitude,angle,Region_ID,timestamp"]
    for row in range(rows):
        name = f"img_{row:06d}.jpg"
        os.link(photos[row % len(photos)], images / name)
        lines.append(
            f"{name},{17.4 + north[row]:.7f},{78.3 + east[row]:.7f},{heading[row]:.1f},"
            f"{region[row]},2026-01-01 10:00:00"
        )
    (root / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def greatest_gb(work: str, folder: Path) -> float:
    """Do the work in a process of its own, and return its greatest memory without file pages."""
    command = [sys.executable, "-m", "benchmarks.memory", work, str(folder)]
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL)
    greatest, ended = 0, threading.Event()

    def watch() -> None:
        nonlocal greatest
        while not ended.wait(_EVERY_S):
            try:
                info = psutil.Process(process.pid).memory_info()
            except psutil.Error:
                return
            greatest = max(greatest, info.rss - getattr(info, "shared", 0))

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    ended.set()
    watcher.join()
    if code:
        raise subprocess.CalledProcessError(code, command)
    return greatest / 1e9


def _browse(folder: Path) -> None:
    """Read the labels as the Data page does, and draw its map."""
    from app.maps.photo_map import campus_deck, photo_deck
    from app.theme import LIGHT
    from core.dataset.labels import read_dataset

    data = read_dataset(folder)
    campus_deck(data, LIGHT, online=False).to_json()
    rows = list(range(len(data)))
    photo_deck(data, rows, LIGHT, chosen=0, online=False).to_json()


def _train(folder: Path) -> None:
    """Train for an epoch of each stage, and finish."""
    from core.model.schema import ModelConfig
    from core.training.fit import fit
    from core.training.schema import Stage1Config, Stage2Config, TrainConfig

    config = TrainConfig(
        dataset=folder,
        run=folder / "run",
        model=ModelConfig(backbone="test_resnet", weights="random", input_size=64),
        stage1=Stage1Config(epochs=1),
        stage2=Stage2Config(epochs=1),
        batch_size=32,
        least_steps=0,
        device="cpu",
        export_onnx=False,
        command="benchmarks.memory",
    )
    for _ in fit(config):
        pass


def main() -> int:
    """Do one work in this process."""
    work, folder = sys.argv[1:]
    {"browse": _browse, "train": _train}[work](Path(folder))
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sys.stderr.write(f"{work}: {kilobytes / 1e6:.2f} GB at most, pages of files included\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
