"""How cost grows with the labels: each piece of work at 1, 10 and 100 times, with its exponent."""

import math
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from app.evaluate.outcome_map import outcome_backdrop, outcome_deck
from app.maps.photo_map import photo_deck
from app.theme import LIGHT
from benchmarks.document import DOCUMENT
from benchmarks.effort import CHECKPOINT, Effort
from benchmarks.goals import verdict
from benchmarks.map_bytes import many_predictions
from core.audit.run import audit
from core.audit.schema import AuditConfig
from core.cli.command import say
from core.comparison.compare import compare
from core.dataset.labels import read_dataset
from core.evaluation.schema import CompareConfig
from core.evaluation.stored_reports import EvaluatedModel, read_predictions
from core.model.card import read_card
from core.retrieval.gallery import Gallery
from core.retrieval.local_features import LocalFeatures
from core.retrieval.neighbours import Neighbours
from core.splits.leak import nearest_training_m
from core.splits.protocols import make_split

SIZES, _QUICK = (650, 6_500, 65_000), (650, 800, 1_000)
PICTURE = DOCUMENT.parent / "images" / "growth.svg"
# n log n grows by 1.1 from 6,500 to 65,000; the rest is noise of a single machine.
_MOST_EXPONENT = 1.25
_SEARCHED = 64
# A tenth of the labels is the test part.
_EVALUATED = 10

Works = dict[str, Callable[[], object]]


def measure(effort: Effort) -> list[str]:
    """Take the processor time of every piece of work at every size, and draw it."""
    photos = sorted((effort.demo / "images").iterdir())
    sizes = _QUICK if effort.quick else SIZES
    seconds: dict[str, list[float]] = {}
    megabytes: dict[str, list[float]] = {}
    slowest: dict[str, Callable[[], object]] = {}
    for size in sizes:
        folder = effort.folder()
        many_labels(folder, size, photos)
        slowest = works_of(folder, size) | pages_of(folder, size)
        rounds = 1 if size == SIZES[-1] else min(effort.rounds, 3)
        for name, work in slowest.items():
            say(f"{name}, {size:,}")
            seconds.setdefault(name, []).append(_median(work, rounds))
        for name, page in pages_of(folder, size).items():
            megabytes.setdefault(name, []).append(len(str(page())) / 1e6)
    grown = {name: exponent(sizes, own) for name, own in seconds.items()}
    worst = max(grown, key=lambda name: grown[name])
    if not effort.quick:
        draw(sizes, seconds, PICTURE)
    heads = [f"{size:,}" for size in sizes]
    return [
        *_table(["processor seconds for so many labels", *heads, "exponent"], seconds, grown),
        "",
        *_table(["MB sent for so many labels", *heads, "exponent"], megabytes,
                {name: exponent(sizes, own) for name, own in megabytes.items()}),
        "",
        f"Medians of {min(effort.rounds, 3)}, one round of the last size. The exponent is of the "
        "last factor of 10: 1 is linear, n log n is 1.1. Labels are of walks in one square "
        "kilometre, so that they lie ten times as close at each step; a tenth of the photos is "
        "evaluated.",
        "",
        f"![Processor seconds by number of labels](images/{PICTURE.name})",
        *verdict(
            f"nothing grows faster than n log n (exponent at most {_MOST_EXPONENT:g})",
            f"{grown[worst]:.2f}, {worst}",
            met=grown[worst] <= _MOST_EXPONENT,
            missed_in=slowest[worst],
        ),
    ]  # fmt: skip


def works_of(folder: Path, size: int) -> Works:
    """What is done with labels, galleries and reports of one size, without the photos' pixels."""
    data = read_dataset(folder)
    metres = data.local_frame().to_metres(data.positions)
    gallery = many_photos(Gallery.load(CHECKPOINT), size)
    gallery.save(folder)
    table = many_predictions(size // _EVALUATED)
    table["photo_id"] = [f"photo {row}" for row in range(len(table))]
    table.to_csv(folder / "predictions.csv", index=False)
    model = EvaluatedModel("a", folder, "key", "photos", 3.0, read_predictions(_csv(folder)))
    other = replace(model, name="b", table=read_predictions(_csv(folder)))
    searched = gallery.features[:_SEARCHED]
    # Descriptors of the gallery are those that the network gives.
    plain = replace(gallery, space=None, local=None)
    return {
        "reading labels": lambda: read_dataset(folder),
        "audit of labels": lambda: audit(AuditConfig(dataset=folder, photos=False)),
        "split by spot": lambda: make_split(data, "spot", 0),
        "split by visit": lambda: make_split(data, "visit", 0),
        "split by block": lambda: make_split(data, "block", 0),
        "nearest training positions": lambda: nearest_training_m(metres[::10], metres),
        f"search of {_SEARCHED} photos in a gallery": lambda: Neighbours.search(searched, plain),
        "opening a gallery with keypoints": lambda: Gallery.load(folder),
        "reading a table of predictions": lambda: read_predictions(_csv(folder)),
        "comparing two models": lambda: compare(model, other, CompareConfig()),
    }


def pages_of(folder: Path, size: int) -> Works:
    """What pages send of data and predictions of one size, as JSON."""
    data = read_dataset(folder)
    card, gallery = read_card(CHECKPOINT), Gallery.load(CHECKPOINT)
    table = many_predictions(size // _EVALUATED)
    rows = list(range(len(data)))
    return {
        "map of the Data page": lambda: photo_deck(
            data, rows, LIGHT, chosen=0, online=False
        ).to_json(),
        "map of the predictions": lambda: outcome_deck(
            outcome_backdrop(card, gallery, table), table, table, LIGHT,
            method="refined", chosen=None, online=False,
        ).to_json(),
    }  # fmt: skip


def many_labels(root: Path, rows: int, photos: list[Path]) -> None:
    """Write labels of walks of 10 photos each, whose photos are a few files under many names."""
    rng = np.random.default_rng(0)
    images = root / "images"
    images.mkdir()
    walk, step = np.divmod(np.arange(rows), 10)
    start, course = rng.uniform(0.0, 1000.0, (walk[-1] + 1, 2)), rng.uniform(0, 360, walk[-1] + 1)
    radians = np.radians(course[walk])
    metres = start[walk] + 8.0 * step[:, None] * np.stack([np.cos(radians), np.sin(radians)], 1)
    metres = np.mod(metres, 1000.0)
    region = (metres // 250.0) @ (4, 1)
    lines = ["filename,latitude,longitude,angle,Region_ID,timestamp"]
    for row in range(rows):
        name = f"img_{row:07d}.jpg"
        os.link(photos[row % len(photos)], images / name)
        day, minute = divmod(int(walk[row]), 20)
        lines.append(
            f"{name},{17.4 + metres[row, 0] / 111_000:.7f},{78.3 + metres[row, 1] / 106_000:.7f},"
            f"{course[walk[row]]:.1f},{region[row]:.0f},"
            f"{2000 + day // 336}-{1 + day // 28 % 12:02d}-{1 + day % 28:02d} "
            f"{8 + minute // 3:02d}:{20 * (minute % 3) + step[row] // 4:02d}:00"
        )
    (root / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def many_photos(gallery: Gallery, size: int) -> Gallery:
    """A gallery of so many photos: those of a smaller one, again and again."""
    rows = np.arange(size) % len(gallery)
    local = gallery.local
    if local is not None:
        whole, rest = divmod(size, len(gallery))
        local = LocalFeatures.joined([*[local] * whole, local.rows(slice(rest))])
    return replace(
        gallery,
        photo_ids=tuple(f"photo {row}" for row in range(size)),
        filenames=tuple(f"{row}.jpg" for row in range(size)),
        features=gallery.features[rows],
        position_m=gallery.position_m[rows],
        heading_deg=gallery.heading_deg[rows],
        region=gallery.region[rows],
        minute=gallery.minute[rows],
        local=local,
    )


def exponent(sizes: tuple[int, ...], costs: list[float]) -> float:
    """The exponent by which cost grows from the last size but one to the last."""
    return math.log(costs[-1] / costs[-2]) / math.log(sizes[-1] / sizes[-2])


def draw(sizes: tuple[int, ...], seconds: dict[str, list[float]], path: Path) -> None:
    """Draw seconds by labels, both logarithmic, and a line that is linear."""
    with mpl.rc_context({"svg.hashsalt": "growth", "svg.fonttype": "none"}):
        figure = Figure(figsize=(9.0, 5.0), layout="constrained")
        axes = figure.subplots()
        for number, (name, own) in enumerate(seconds.items()):
            axes.plot(sizes, own, marker="osv^DPX"[number % 7], linewidth=1.2, label=name)
        linear = [seconds["reading labels"][-1] * size / sizes[-1] for size in sizes]
        axes.plot(sizes, linear, color="grey", linestyle=":", label="linear")
        axes.set(xscale="log", yscale="log", xlabel="labels", ylabel="processor seconds")
        figure.legend(loc="outside right upper", fontsize="small", frameon=False)
        figure.savefig(path, metadata={"Date": None})


def _csv(folder: Path) -> Path:
    return folder / "predictions.csv"


def _median(work: Callable[[], object], rounds: int) -> float:
    spent = []
    for _ in range(rounds):
        # Processor time, which other work on the machine changes least.
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return statistics.median(spent)


def _table(heads: list[str], costs: dict[str, list[float]], grown: dict[str, float]) -> list[str]:
    rows = [
        f"| {name} | {' | '.join(f'{cost:.3g}' for cost in own)} | {grown[name]:.2f} |"
        for name, own in costs.items()
    ]
    return [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", *rows]
