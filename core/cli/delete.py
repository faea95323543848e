"""`delete`: remove runs, models and data sets, after a list of what goes with each."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from core.cli.command import Command, say
from core.deletion.contents import Contents
from core.deletion.layouts import LAYOUTS
from core.errors import ConfigError
from core.project import workspace_root
from core.system import SYSTEM


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH",
        help="Folder of a run, a cross-validation, a search, a model or a data set. With a run or "
        "model all that lies in its folder goes. Of a data set goes what Bearings made of it: "
        "decoded photos, descriptors, reports on it in the runs and models of the workspace, tags, "
        "answers of people and saved views; its photos and labels stay",
    )  # fmt: skip
    parser.add_argument(
        "--with-photos", metavar="NAME",
        help="Of one data set below data/ of the workspace, also delete the folder itself, with "
        "photos and labels. NAME repeats the name of the folder",
    )  # fmt: skip
    parser.add_argument(
        "--yes", action="store_true",
        help="Delete; without it, only what would be deleted is listed",
    )  # fmt: skip


def _run(arguments: argparse.Namespace) -> int:
    from core.deletion.dataset import contents_of_dataset, delete_dataset, is_dataset
    from core.deletion.runs import contents_of, delete_runs, is_run_or_model

    workspace = workspace_root()
    paths: list[Path] = [path.absolute() for path in arguments.paths]
    runs = [path for path in paths if is_run_or_model(path) or not is_dataset(path)]
    datasets = [path for path in paths if path not in runs]
    with_photos = arguments.with_photos is not None
    if with_photos:
        _check_name(paths, datasets, arguments.with_photos)
    # All of them are looked at before any is deleted.
    found = [contents_of(path) for path in runs]
    found += [contents_of_dataset(path, workspace, with_photos=with_photos) for path in datasets]
    for each in found:
        say("\n".join(_lines(each)))
    if not arguments.yes:
        words = ["python", "-m", "core", "delete", *map(str, arguments.paths)]
        words += ["--with-photos", arguments.with_photos] if with_photos else []
        repeat = SYSTEM.command_line([*words, "--yes"])
        say(f"Nothing is deleted yet. To delete this for good: {repeat}")
        return 0
    delete_runs(runs, workspace / LAYOUTS)
    for path in datasets:
        delete_dataset(path, workspace, with_photos=with_photos)
    for path in arguments.paths:
        kept = "" if not path.exists() else "what Bearings made of "
        sys.stdout.write(f"deleted {kept}{path}\n")
    return 0


def _check_name(paths: list[Path], datasets: list[Path], name: str) -> None:
    if len(paths) != 1 or paths != datasets:
        raise ConfigError("--with-photos deletes the photos of one data set: give its folder alone")
    if name != paths[0].name:
        raise ConfigError(
            f"--with-photos {name} is not the name of the folder {paths[0]}: to delete its photos "
            f"and labels, too, repeat its name: --with-photos {paths[0].name}"
        )


def _lines(contents: Contents) -> Iterator[str]:
    size = f"{contents.size_bytes / 1e6:,.1f} MB"
    yield f"{contents.path}: a {contents.kind_title}, {contents.files:,} files, {size}"
    yield from (f"  {part}" for part in contents.parts or ("nothing",))
    yield from contents.stays


COMMAND = Command(
    "delete",
    "PATH [...] [--with-photos NAME] [--yes]",
    "Delete runs, models, or what was made of a data set; lists first what goes.",
    (
        "python -m core delete runs/first            # list what would go",
        "python -m core delete runs/first --yes",
        "python -m core delete data/campus --yes     # photos and labels stay",
        "python -m core delete data/campus --with-photos campus --yes",
    ),
    _add,
    _run,
)
