"""The rows of the Runs page: runs, and checkpoints and ensembles that stand alone.

Models with reports are grouped by the photos that they were evaluated on.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app import cache
from app.workspace import Workspace
from core.errors import BearingsError
from core.evaluation.report import Report
from core.evaluation.report_text import photos_of
from core.jobs.summary import RunSummary
from core.model.card import Card
from core.runs import best_of, has_card, home_of, is_shipped, report_folders, run_of


@dataclass(frozen=True)
class Model:
    """A model on the Runs page.

    Attributes:
        name: What to call it.
        home: Its run, or its checkpoint.
        state: Of a run as the queue knows it; `shipped`, `ensemble` or `imported` of a checkpoint
            that stands alone; `damaged`.
        reports: Its readable reports by folder, newest first.
        faults: What is wrong with the others, or with its card.
        run: The run; None of a checkpoint that stands alone.
        card: The card of its checkpoint; None before the first epoch, and if it is damaged.
    """

    name: str
    home: Path
    state: str
    reports: Mapping[Path, Report]
    faults: tuple[str, ...] = ()
    run: RunSummary | None = None
    card: Card | None = None

    @property
    def shown(self) -> Path | None:
        """The report shown in lists: the newest on test photos, else the newest."""
        tested = [path for path, report in self.reports.items() if _is_test(report)]
        return next(iter([*tested, *self.reports]), None)

    @property
    def checkpoint(self) -> Path | None:
        """Its checkpoint, once there is one: the best epoch of a run."""
        if self.card is None:
            return None
        return self.home if self.run is None else best_of(self.home)

    @property
    def can_be_deleted(self) -> bool:
        """Whether it is not the model that ships with Bearings."""
        return self.run is not None or not is_shipped(self.home)

    @property
    def split_hash(self) -> str:
        """Hash of its split; empty before there is one."""
        if self.run is not None:
            return self.run.split_hash
        return "" if self.card is None else self.card.split.hash


@dataclass(frozen=True)
class Group:
    """Models that were evaluated on the same photos.

    Attributes:
        about: The photos in words.
        folders: Folder of each model's report, by the model's name.
        reports: The reports themselves.
    """

    about: str
    folders: Mapping[str, Path]
    reports: Mapping[str, Report]


def of_runs(runs: Iterable[RunSummary]) -> list[Model]:
    """The runs, in the given order."""
    return [_model(run.name, best_of(run.path), run.state, run) for run in runs]


def of_checkpoints(place: Workspace) -> list[Model]:
    """Checkpoints and ensembles that stand alone, the shipped one first, damaged ones last."""
    alone = [folder for folder in place.checkpoints() if run_of(folder) is None]
    found = []
    for folder in alone:
        model = _model(place.label(folder), folder, "imported")
        if model.card is None:
            model = replace(model, state="damaged")
        elif model.card.ensemble is not None:
            model = replace(model, state="ensemble")
        elif folder == place.demo_checkpoint:
            model = replace(model, state="shipped")
        found.append(model)
    return sorted(found, key=lambda model: model.state == "damaged")


def groups(models: Sequence[Model]) -> list[Group]:
    """Models by the photos they were evaluated on, the largest group first.

    Each model is in one group at most. Of its reports the one counts whose photos most other models
    were evaluated on; among equals, test photos come first.
    """
    shared = Counter(
        key for one in models for key in {report.split.key for report in one.reports.values()}
    )
    chosen: dict[str, dict[str, Path]] = {}
    for model in models:
        if model.reports:
            # max keeps the first of equals, which is the newest.
            folder = max(model.reports, key=lambda path: _rank(model.reports[path], shared))
            chosen.setdefault(model.reports[folder].split.key, {})[model.name] = folder
    named = {model.name: model for model in models}
    found = []
    for folders in chosen.values():
        inside = {name: named[name].reports[folder] for name, folder in folders.items()}
        found.append(Group(photos_of(next(iter(inside.values()))), folders, inside))
    return sorted(found, key=lambda group: -len(group.folders))


def _rank(report: Report, shared: Mapping[str, int]) -> tuple[int, bool]:
    return shared[report.split.key], _is_test(report)


def _is_test(report: Report) -> bool:
    return report.split.part == "test"


def _model(name: str, checkpoint: Path, state: str, run: RunSummary | None = None) -> Model:
    found: dict[Path, Report] = {}
    faults = []
    for folder in report_folders(checkpoint):
        try:
            found[folder] = cache.report(folder)
        except BearingsError as error:
            faults.append(str(error))
    card = None
    if has_card(checkpoint):
        try:
            card = cache.card(checkpoint)
        except BearingsError as error:
            faults.append(str(error))
    return Model(name, home_of(checkpoint), state, found, tuple(faults), run, card)
