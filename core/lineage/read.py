"""Where a model comes from and what came of it: data, split, code, checkpoints, evaluations.

Everything is read from the files of the run or checkpoint; weights and photos are not.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from core.crossval.folder import is_crossval
from core.dataset.labels import Dataset, labels_hash
from core.errors import BearingsError
from core.evaluation.report_text import photos_of
from core.evaluation.stored_reports import read_report
from core.files import read_object
from core.jobs.job import read_job
from core.jobs.state import read_events
from core.model.card import Card, read_card
from core.options import different
from core.runs import CONFIG, best_of, has_card, last_of, report_folders, run_of, split_file
from core.splits.parts import PART_NAMES, PARTS
from core.splits.split import Split
from core.training.run_folder import RunFolder
from core.training.schema import TrainConfig
from core.tuning.folder import StudyFolder

_RESUMED = re.compile(r" training goes on after epoch (\d+)")
_SHORT = 12


@dataclass(frozen=True)
class Fact:
    """One line of a lineage: what it is about, and what is known of it."""

    title: str
    text: str


@dataclass(frozen=True)
class Lineage:
    """Where a model comes from, and what came of it."""

    sources: tuple[Fact, ...]
    results: tuple[Fact, ...]


def lineage(home: Path, others: Sequence[Path] = (), dataset: Dataset | None = None) -> Lineage:
    """Return the lineage of a run, or of a checkpoint or ensemble that stands alone.

    Args:
        home: Its folder.
        others: Folders of other checkpoints, among which ensembles that contain it and copies of
            it are looked for.
        dataset: The data set that it was trained on, as it is now, if it can be read.

    Raises:
        RunError, CheckpointError, SplitError: Its files are damaged.
    """
    run = RunFolder(path=home) if (home / CONFIG).is_file() else None
    checkpoint = best_of(home) if run is not None else home
    card = read_card(checkpoint) if has_card(checkpoint) else None
    config = None if run is None else run.config()
    split = Split.read(split_file(checkpoint))
    sources = [
        *([] if run is None else _belonging(home)),
        *_origin(home, config),
        *_data(home, config, card, dataset, split),
        *_split(split),
        *_network(config, card),
        *_code(home, card),
        *([] if run is None else _begun(run)),
    ]
    results = [*_checkpoints(home, run), *_evaluations(checkpoint), *_copies(card, home, others)]
    return Lineage(tuple(sources), tuple(results))


def _belonging(home: Path) -> Iterator[Fact]:
    """The cross-validation or the study that a run is a part of."""
    parent = home.parent
    if is_crossval(parent):
        yield Fact("Part of", f"{home.name} of the cross-validation {parent.name}")
    elif parent.name == "trials" and StudyFolder(path=parent.parent).exists:
        yield Fact("Part of", f"trial {home.name} of the search {parent.parent.name}")


def _origin(home: Path, config: TrainConfig | None) -> Iterator[Fact]:
    """The run whose options it began with, and which of them were changed."""
    job = read_job(home)
    if config is None or job is None or not job.origin:
        return
    origin = Path(job.origin)
    if not (origin / CONFIG).is_file():
        # The folds of a cross-validation have their options, not the cross-validation.
        gone = "" if is_crossval(origin) else ", which is no longer there"
        yield Fact("Retry of", f"{origin.name}{gone}")
        return
    changed = different(RunFolder(path=origin).config(), config)
    yield Fact("Retry of", f"{origin.name}, with {', '.join(changed) or 'no option'} changed")


def _data(
    home: Path,
    config: TrainConfig | None,
    card: Card | None,
    dataset: Dataset | None,
    split: Split | None,
) -> Iterator[Fact]:
    named = "not recorded" if config is None else str(config.dataset)
    campus = "" if card is None else f", {card.campus}"
    count = "" if split is None else f", {len(split.parts):,} photos in the split"
    yield Fact("Data set", f"{named}{campus}{count}")
    environment = read_object(home / "environment.json") or {}
    data: dict[str, Any] = environment.get("data") or {}
    stored = data.get("labels_hash")
    if config is None:
        yield Fact("Labels", "not recorded: only a run stores the hash of its labels")
    elif stored is None:
        yield Fact("Labels", "their hash was not recorded by the version that trained this run")
    else:
        now = None if dataset is None else labels_hash(dataset)
        since = {None: "", stored: ", unchanged since"}.get(now, ", CHANGED since")
        yield Fact("Labels", f"hash {stored[:_SHORT]}{since}")
        yield Fact("Repairs", f"{data.get('repairs', 0):,} accepted repairs were applied")
    if dataset is not None and split is not None:
        known = set(dataset.table["photo_id"])
        added, gone = len(known - split.parts.keys()), len(split.parts.keys() - known)
        if added or gone:
            yield Fact("Photos since", f"{added:,} added, {gone:,} no longer there")


def _split(split: Split | None) -> Iterator[Fact]:
    if split is None:
        yield Fact("Split", "not stored")
        return
    fold = "" if split.fold is None else f", fold {split.fold} of {split.folds}"
    sizes = [(part, sum(1 for own in split.parts.values() if own == part)) for part in PARTS]
    counts = ", ".join(f"{count:,} {PART_NAMES[part]}" for part, count in sizes if count)
    yield Fact(
        "Split",
        f"{split.protocol}, seed {split.seed}{fold}, hash {split.hash[:_SHORT]}: {counts}",
    )


def _network(config: TrainConfig | None, card: Card | None) -> Iterator[Fact]:
    model = config.model if config is not None else None if card is None else card.model
    if card is not None and card.ensemble is not None:
        about = card.ensemble
        members = ", ".join(f"{each.name} ({each.weight:.2f})" for each in about.members)
        yield Fact("Ensemble of", f"{members}; {about.rule}")
    elif model is not None:
        size = model.input_size if card is None else card.preprocess.input_size
        pixels = "its own size" if size is None else f"{size} px"
        yield Fact("Network", f"{model.backbone} at {pixels}, weights {model.weights}")
    if card is not None and card.retrieval is not None:
        yield Fact(
            "Retrieval backbone",
            f"{card.retrieval.backbone} at {card.retrieval.preprocess.input_size} px, "
            f"{card.retrieval.weights}",
        )


def _code(home: Path, card: Card | None) -> Iterator[Fact]:
    environment = read_object(home / "environment.json") or {}
    versions = environment.get("versions") or ({} if card is None else card.versions)
    shown = [f"{name} {versions[name]}" for name in ("bearings", "torch", "timm", "python")
             if name in versions]  # fmt: skip
    git = environment.get("git") or {}
    if commit := git.get("commit"):
        shown.append(f"commit {str(commit)[:_SHORT]}{' with changes' * bool(git.get('changed'))}")
    yield Fact("Code", ", ".join(shown) or "not recorded")
    command = environment.get("command") or (None if card is None else card.command)
    # A job of the queue reads its options from its input, so its command says nothing.
    if command and not str(command).endswith("--config -"):
        yield Fact("Command", str(command))


def _begun(run: RunFolder) -> Iterator[Fact]:
    """When training began and went on; each start writes a line into the log."""
    log = (
        run.log_path.read_text(encoding="utf-8", errors="replace") if run.log_path.exists() else ""
    )
    first, *_ = log.splitlines() or [""]
    if begun := first.partition(" ")[0]:
        yield Fact("Begun", _when(begun))
    resumed = [(line.partition(" ")[0], found[1]) for line in log.splitlines()
               if (found := _RESUMED.search(line))]  # fmt: skip
    if resumed:
        text = "; ".join(f"{_when(at)}, after epoch {epoch}" for at, epoch in resumed)
        yield Fact("Resumed", text)


def _checkpoints(home: Path, run: RunFolder | None) -> Iterator[Fact]:
    if run is None:
        places = {"Checkpoint": home}
    else:
        places = {"Best checkpoint": best_of(home), "Last checkpoint": last_of(home)}
        events = read_events(home)
        yield Fact("Epochs", f"{len(events):,} trained")
    for title, folder in places.items():
        if not has_card(folder):
            continue
        card = read_card(folder)
        epoch = card.metrics.get("epoch")
        at = "" if epoch is None else f"epoch {epoch:.0f}, "
        yield Fact(title, f"{at}{card.weights or 'members only'}, {_when(card.created)}")
        calibration = read_object(folder / "calibration.json") or {}
        if calibration:
            written = _when_changed(folder / "calibration.json")
            yield Fact(
                "Calibration",
                f"{calibration.get('photos', 0):,} photos of the "
                f"{PART_NAMES.get(str(calibration.get('part')), 'unknown')} part, {written}",
            )
        if (folder / "gallery.json").is_file():
            yield Fact("Gallery", f"written {_when_changed(folder / 'gallery.json')}")


def _evaluations(checkpoint: Path) -> Iterator[Fact]:
    for folder in report_folders(checkpoint):
        try:
            report = read_report(folder)
        except BearingsError as error:
            yield Fact("Evaluation", f"{folder.name}: {error}")
            continue
        photos = f"{report.n:,} photos, {photos_of(report)}"
        yield Fact(
            "Evaluation", f"{folder.name}: {photos}, {_when_changed(folder / 'report.json')}"
        )


def _copies(card: Card | None, home: Path, others: Sequence[Path]) -> Iterator[Fact]:
    """Ensembles that contain this model, and other folders with the same weights."""
    if card is None or not card.weights:
        return
    for folder in others:
        owner = run_of(folder) or folder
        if owner == home:
            continue
        try:
            other = read_card(folder)
        except BearingsError:
            # A damaged checkpoint is no known relative; the list of models names it.
            continue
        if other.ensemble is None:
            if other.weights == card.weights:
                yield Fact("Same weights", owner.name)
        elif any(member.weights == card.weights for member in other.ensemble.members):
            yield Fact("In the ensemble", owner.name)


def _when(text: str) -> str:
    """A stored time as people read it; as it is, if it is none."""
    try:
        return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return text


def _when_changed(file: Path) -> str:
    return datetime.fromtimestamp(file.stat().st_mtime).astimezone().strftime("%Y-%m-%d %H:%M")


def lineage_in_text(found: Lineage) -> Iterator[str]:
    """The lineage as lines of text, for the command line."""
    for title, facts in (("Comes from", found.sources), ("Came of it", found.results)):
        yield title
        yield from (f"  {fact.title}: {fact.text}" for fact in facts)
