"""Writing the demo campus as a labelled folder, by several processes, safe to interrupt."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from core.dataset.layout import BASE_FILE
from core.demo.label_faults import parsed_kinds
from core.demo.seeds import PHOTOS_PER_WALK, photo_name
from core.errors import DemoError
from core.files import read_object, sweep, write_bytes, write_json

WORLD_VERSION = 1  # raised whenever the same seed would give other pixels or labels
_MARK = "demo.json"
_FINISHED = "campus.toml"
_ANSWERS = "faults.csv"


class DemoConfig(BaseModel):
    """What to build: the first photos are the same for every number of photos."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    out: Path = Field(
        description="Folder to write; an interrupted build of the same campus is continued"
    )
    photos: int = Field(6500, ge=1, le=1_000_000, description="Number of photos")
    seed: int = Field(7, ge=0, lt=2**32, description="Another seed gives another campus")
    workers: int | None = Field(None, ge=1, description="Number of processes; none: one a core")
    faults: float = Field(
        0.0, ge=0.0, le=0.5, description="Share of photos with a planted fault, in label or photo; "
        "faults.csv lists them",
    )  # fmt: skip
    fault_kinds: tuple[str, ...] = Field(
        (), description="Kinds of fault; KIND=SHARE gives one a share of its own; none: all"
    )
    fault_seed: int = Field(0, ge=0, lt=2**32, description="Seed of which photos get which fault")

    @field_validator("fault_kinds")
    @classmethod
    def _known(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        parsed_kinds(kinds)
        return kinds

    @property
    def planted(self) -> dict[str, Any] | None:
        """What tells planted faults apart; None where none are asked."""
        shares = parsed_kinds(self.fault_kinds) if self.fault_kinds else {}
        if not self.faults and not any(shares.values()):
            return None
        return {"rate": self.faults, "kinds": list(self.fault_kinds), "seed": self.fault_seed}


@dataclass(frozen=True)
class _Job:
    images: str
    seed: int
    first: int
    stop: int


def build_demo(config: DemoConfig, progress: Callable[[int, int], None] | None = None) -> Path:
    """Render the photos that are missing, then write the tables that make the folder a data set.

    Args:
        config: what to build.
        progress: called with (photos done, photos asked for).

    Returns:
        The folder.

    Raises:
        DemoError: the folder holds something else.
    """
    out = config.out
    if _is_finished(config):
        _add_base_layer(config)
        if progress:
            progress(config.photos, config.photos)
        return out
    images = out / "images"
    images.mkdir(parents=True, exist_ok=True)
    sweep(images)
    _remove_tables(out)
    write_json(out / _MARK, _identity(config))
    jobs = [
        _Job(str(images), config.seed, first, min(first + PHOTOS_PER_WALK, config.photos))
        for first in range(0, config.photos, PHOTOS_PER_WALK)
    ]
    done = 0
    for job in _run(jobs, config):
        done += job.stop - job.first
        if progress:
            progress(done, config.photos)
    from core.demo.photo import photo_pose  # the renderer is heavy and --help needs none of it
    from core.demo.tables import write_tables
    from core.demo.world import build_world

    poses = [photo_pose(config.seed, index) for index in range(config.photos)]
    write_tables(out, build_world(config.seed), poses, WORLD_VERSION)
    if config.planted:
        from core.demo.faults import plant_faults

        plant_faults(out, config.seed, config.faults, config.fault_kinds, config.fault_seed)
    return out


def _add_base_layer(config: DemoConfig) -> None:
    """Write the base layer of a demo that was rendered before there was one."""
    if not (config.out / BASE_FILE).is_file():
        from core.demo.base_layer import write_base_layer
        from core.demo.world import build_world

        write_base_layer(config.out, build_world(config.seed))


def _identity(config: DemoConfig) -> dict[str, Any]:
    faults = {"faults": config.planted} if config.planted else {}
    return {"seed": config.seed, "photos": config.photos, "version": WORLD_VERSION, **faults}


def _is_finished(config: DemoConfig) -> bool:
    """Whether the folder already holds what is asked; refuses folders that hold something else."""
    out, asked = config.out, _identity(config)
    if out.exists() and not out.is_dir():
        raise DemoError(f"{out} is a file: name a folder for the demo campus with --out")
    if not out.exists() or not any(out.iterdir()):
        return False
    mark = out / _MARK
    found = read_object(mark, "choose another --out", DemoError)
    if found is None:
        raise DemoError(f"{out} is not empty and holds no demo campus: choose another --out")
    try:
        same = found["seed"] == asked["seed"] and found["version"] == asked["version"]
        photos, faults = int(found["photos"]), found.get("faults")
    except (ValueError, KeyError, TypeError) as error:
        raise DemoError(f"{mark} is damaged ({error}): choose another --out") from error
    if not same or photos > asked["photos"]:
        raise DemoError(
            f"{out} holds another demo campus (seed {found['seed']}, {photos:,} photos, version "
            f"{found['version']}; asked: seed {asked['seed']}, {asked['photos']:,} photos, version "
            f"{asked['version']}): choose another --out, or delete that folder"
        )
    # Spoiled photos stay spoiled, so faults are planted in a folder once.
    if faults != asked.get("faults") or (faults and photos != asked["photos"]):
        raise DemoError(
            f"{out} holds a demo campus with other planted faults ({faults or 'none'}; asked: "
            f"{asked.get('faults') or 'none'}): choose another --out, or delete that folder"
        )
    last = out / (_ANSWERS if faults else _FINISHED)
    return photos == asked["photos"] and (out / _FINISHED).is_file() and last.is_file()


def _remove_tables(out: Path) -> None:
    """Take back the label files first, so that a half-built folder never looks complete."""
    for name in (_FINISHED, "labels.csv", "truth.csv", _ANSWERS):
        (out / name).unlink(missing_ok=True)


def _run(jobs: list[_Job], config: DemoConfig) -> Iterator[_Job]:
    workers = min(config.workers or os.cpu_count() or 1, len(jobs))
    todo = [job for job in jobs if not _is_rendered(job)]
    yield from (job for job in jobs if _is_rendered(job))
    if workers == 1 or len(todo) < 2:
        yield from map(_render, todo)
        return
    # Spawned, not forked: the caller may hold threads (a server, torch) that must not be copied.
    # Ctrl-C is for the caller, who ends the workers; each of them would print a traceback.
    ignore = (signal.SIGINT, signal.SIG_IGN)
    with multiprocessing.get_context("spawn").Pool(workers, signal.signal, ignore) as pool:
        yield from pool.imap_unordered(_render, todo)


def _is_rendered(job: _Job) -> bool:
    return all((Path(job.images) / photo_name(i)).is_file() for i in range(job.first, job.stop))


def _render(job: _Job) -> _Job:
    from core.demo.photo import photo_jpeg

    for index in range(job.first, job.stop):
        path = Path(job.images) / photo_name(index)
        if not path.is_file():
            # Not synced one by one: 6,500 syncs would take minutes.
            write_bytes(path, photo_jpeg(job.seed, index), durable=False)
    return job
