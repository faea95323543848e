"""Where the app finds things: data sets, checkpoints and runs under one folder.

Only names and presence of files are looked at here; nothing is loaded.
"""

from dataclasses import dataclass
from pathlib import Path

from core.dataset.layout import possible_tables
from core.deletion.layouts import LAYOUTS
from core.project import workspace_root
from core.runs import CARD, SHIPPED, best_of, folders, has_card

DEMO = "demo"


@dataclass(frozen=True)
class Workspace:
    """A folder with `data/`, `checkpoints/` and `runs/` in it.

    Attributes:
        root: The project's own folder unless `BEARINGS_WORKSPACE` names another, for example on a
            larger disk.
    """

    root: Path

    @property
    def data(self) -> Path:
        """Folder that holds one folder per data set."""
        return self.root / "data"

    @property
    def runs(self) -> Path:
        """Folder that holds one folder per training run."""
        return self.root / "runs"

    @property
    def layouts(self) -> Path:
        """Folder of arrangements of photos by their descriptors, which may be deleted."""
        return self.root / LAYOUTS

    @property
    def demo_data(self) -> Path:
        """Where the demo campus is rendered to."""
        return self.data / DEMO

    @property
    def demo_checkpoint(self) -> Path:
        """The checkpoint that ships with the project."""
        return self.root / "checkpoints" / SHIPPED

    def datasets(self) -> list[Path]:
        """Folders under `data/` with a label table, by name, the demo first."""
        found = [folder for folder in folders(self.data) if has_labels(folder)]
        return sorted(found, key=lambda folder: (folder.name != DEMO, folder.name))

    def checkpoints(self) -> list[Path]:
        """Folders with a `card.json`: the demo, other checkpoints, then runs, newest first."""
        kept = [folder for folder in folders(self.root / "checkpoints") if has_card(folder)]
        kept.sort(key=lambda folder: (folder.name != SHIPPED, folder.name))
        best = [best_of(run) for run in folders(self.runs)]
        trained = [folder for folder in best if has_card(folder)]
        trained.sort(key=lambda folder: -(folder / CARD).stat().st_mtime_ns)
        return kept + trained

    def label(self, path: Path) -> str:
        """A path as the user knows it: relative to the workspace where it lies inside."""
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)


def workspace() -> Workspace:
    """The workspace of this process."""
    return Workspace(workspace_root())


def has_labels(folder: Path) -> bool:
    """Whether a folder looks like a data set; what its label files say is not read."""
    try:
        return bool(possible_tables(folder, plain_text=False))
    except OSError:
        return False
