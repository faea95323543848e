"""Lists of runs, from their files alone: no tensor is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import RunError
from core.jobs.follow import read_events
from core.jobs.record import LAUNCH, read_record
from core.jobs.state import State, run_state
from core.training.run_folder import RunFolder
from core.training.schema import TrainConfig

_CONFIG = "config.json"


@dataclass(frozen=True)
class RunSummary:
    """One line of a list of runs.

    Attributes:
        name: Name of its folder.
        path: Its folder.
        state: See `core.jobs.state.RunState`; `damaged` where its files cannot be read.
        message: What there is to say, such as why it failed.
        config: Its options; None before they are written, and where they are damaged.
        split_hash: Hash of its split: only runs that share it may be compared; empty before.
        stage: Stage at work, or the last one.
        epoch: Epochs done.
        epochs: Epochs planned.
        best: Validation figures of the best epoch; None before the first.
        best_epoch: Which one that was.
        started: When it was begun, in seconds since 1970.
        duration_s: Time spent in epochs, all resumes together; None before the first.
        eta_s: Time left as the run estimates it; None where it does not.
        reports: Its `report.json` files, by path.
    """

    name: str
    path: Path
    state: State
    message: str = ""
    config: TrainConfig | None = None
    split_hash: str = ""
    stage: str = ""
    epoch: int = 0
    epochs: int = 0
    best: Mapping[str, float] | None = None
    best_epoch: int | None = None
    started: float | None = None
    duration_s: float | None = None
    eta_s: float | None = None
    reports: tuple[Path, ...] = ()

    @property
    def dataset(self) -> Path | None:
        """Folder that it learns from."""
        return self.config.dataset if self.config else None

    @property
    def backbone(self) -> str:
        """Its backbone, or nothing where its options are unknown."""
        return self.config.model.backbone if self.config else ""


def list_runs(root: Path) -> list[RunSummary]:
    """Return the runs in a folder, newest first; a damaged one is listed as such.

    Args:
        root: Folder that holds one folder per run; need not exist yet.
    """
    folders = [path for path in root.iterdir() if is_run(path)] if root.is_dir() else []
    found = [summarise(path) for path in folders]
    return sorted(found, key=lambda run: (-(run.started or 0.0), run.name))


def is_run(path: Path) -> bool:
    """Whether a folder holds a run, or the launch of one."""
    return (path / _CONFIG).is_file() or (path / LAUNCH).is_file()


def summarise(path: Path) -> RunSummary:
    """Return the summary of the run in a folder; `damaged` with the reason where unreadable."""
    try:
        return _summary(path)
    except RunError as error:
        return RunSummary(path.name, path, "damaged", str(error), started=_changed(path))


def _summary(path: Path) -> RunSummary:
    run, now = RunFolder(path=path), run_state(path)
    config = run.config() if (path / _CONFIG).is_file() else None
    events = read_events(path)
    kept = [event for event in events if event["best"]]
    return RunSummary(
        name=path.name,
        path=path,
        state=now.state,
        message=now.message,
        config=config,
        split_hash=_split_hash(run),
        stage=now.status.stage if now.status else "",
        epoch=int(events[-1]["epoch"]) if events else 0,
        epochs=_planned(config, events),
        best=kept[-1]["validation"] if kept else None,
        best_epoch=int(kept[-1]["epoch"]) if kept else None,
        started=_started(path),
        duration_s=sum(float(event["seconds"]) for event in events) if events else None,
        eta_s=now.status.eta_s if now.status and now.state == "running" else None,
        reports=tuple(sorted(path.glob("report*/**/report.json"))),
    )


def _planned(config: TrainConfig | None, events: list[dict[str, Any]]) -> int:
    if events:
        return int(events[-1]["epochs"])
    return config.stage1_epochs + config.stage2.epochs if config else 0


def _split_hash(run: RunFolder) -> str:
    if not (run.path / "split.json").is_file():
        return ""
    return str(run.read_json("split.json").get("hash", ""))


def _started(path: Path) -> float | None:
    """When the options were written, which happens once; before that, when it was launched."""
    config = path / _CONFIG
    if config.is_file():
        return config.stat().st_mtime
    record = read_record(path)
    return record.launched if record else None


def _changed(path: Path) -> float:
    return path.stat().st_mtime
