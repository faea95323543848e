"""Fixtures for every room: a tiny generated campus, so that no test needs a real photo."""

import gc
import importlib.util
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import psutil
import pytest
from PIL import Image

from core.locks import Lock
from core.system import Posix, System, Windows
from tests.fake_gpus import COMMAND, fake_driver
from tests.shared import made_once

if TYPE_CHECKING:
    from core.inference.predictor import Predictor
    from tests.forked import Forks

CampusMaker = Callable[..., Path]

# Files of about half a minute or more, the longest first, and before all others: a process that
# takes one of them last would work on alone.
SLOWEST = (
    "cluster/test_real_ray.py",
    "browser/test_app.py",
    "browser/test_accessibility.py",
    "browser/test_train_browser.py",
    "browser/test_hostile_names.py",
    "browser/test_explore_browser.py",
    "browser/test_runs_browser.py",
    "browser/test_sign_in.py",
    "browser/test_manners.py",
    "browser/test_refused.py",
    "browser/test_partial_browser.py",
    "browser/test_tuning_browser.py",
    "browser/test_queue.py",
    "browser/test_play_browser.py",
    "golden/test_shipped.py",
    "inference/test_onnx.py",
    "calibration/test_renew.py",
    "training/test_distributed.py",
    "inference/test_partial_models.py",
    "browser/test_review_browser.py",
    "browser/test_columns_browser.py",
    "jobs/test_faults.py",
    "app/test_partial_pages.py",
    "ensemble/test_fingerprint.py",
    "training/test_mixed_precision.py",
    "cli/test_partial_labels.py",
    "demo/test_demo_build.py",
    "benchmarks/test_gpu.py",
    "jobs/test_runner.py",
    "tuning/test_trials.py",
    "crossval/test_crossval_run.py",
    "old_version/test_old_version.py",
    "golden/test_files_on_disk.py",
    "calibration/test_calibrate.py",
    "cli/test_commands.py",
    "test_system.py",
    "tuning/test_tune_kill.py",
    "browser/test_maps_browser.py",
    "tables/test_random_dialects.py",
)
# As `make test` sets them, before torch is imported: a fork has no second thread to wait for, and
# OpenCV's threads keep each other waiting where other processes have the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")
# Importing torch and all tests makes millions of objects that stay; collecting garbage meanwhile
# takes a sixth of the time.
gc.disable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slowest files first; the order within a file stays."""
    rank = {name: number for number, name in enumerate(SLOWEST)}
    root = Path(__file__).parent
    items.sort(key=lambda item: rank.get(item.path.relative_to(root).as_posix(), len(SLOWEST)))


def pytest_collection_finish() -> None:
    """Collect garbage again, but not among what the imports left."""
    gc.freeze()
    gc.enable()


ORIGIN_DEG = (17.445, 78.349)
METRES_PER_DEGREE = 111_320.0
COLOURS = ((200, 70, 60), (70, 160, 80), (70, 90, 200), (210, 180, 60))
PHOTO_PIXELS = 96


@pytest.fixture(scope="session", autouse=True)
def sift_by_default() -> Iterator[None]:
    """Runs that do not name their keypoints take SIFT, which needs half the time of XFeat."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("core.retrieval.local_features.PREFERRED", ("sift",))
        yield


@pytest.fixture(scope="session", autouse=True)
def gradients_before_exports() -> None:
    """Let forks compute gradients, see `tests/forked.py`.

    An export to ONNX makes torch start threads for devices with the first gradient of the process,
    and then no fork may compute one. With a gradient before that there are none to start.
    """
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.ones(1, requires_grad=True).sum().backward()


@pytest.fixture(scope="session", autouse=True)
def few_negatives() -> Iterator[None]:
    """A refusal is fitted to 12 photos of each synthetic kind, which takes seconds off each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("core.confidence.negatives.MOST_EACH", 12)
        yield


@pytest.fixture(scope="session", autouse=True)
def nothing_left_at_work() -> Iterator[None]:
    """Let no test leave a job at work, which would take the cores from all later ones."""
    yield
    from core.jobs.devices import is_command

    # One that has done its work may take a moment to end.
    found = [each for each in psutil.Process().children(recursive=True) if is_command(each)]
    _, left = psutil.wait_procs(found, timeout=10)
    assert [each.cmdline() for each in left] == []


@pytest.fixture
def small_campus(shared_campus: Path, tmp_path: Path) -> Path:
    """A dataset folder of 48 photos in 4 regions that the test may change."""
    root = tmp_path / "campus"
    shutil.copytree(shared_campus, root, ignore=shutil.ignore_patterns(".bearings"))
    return root


@pytest.fixture(scope="session")
def shared_campus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same dataset, made once a session: read it, never write to it."""
    return _make_campus(tmp_path_factory.mktemp("shared") / "campus")


@pytest.fixture(scope="session")
def make_campus() -> CampusMaker:
    """Give the maker itself, for a dataset of another size: `make_campus(root, spots=6)`."""
    return _make_campus


def _make_campus(
    root: Path,
    *,
    regions: int = 4,
    spots: int = 6,
    headings: tuple[float, ...] = (20.0, 200.0),
    seed: int = 0,
) -> Path:
    """Write `regions * spots * len(headings)` photos and `labels.csv` in degrees.

    Regions lie 150 m apart, spots of a region 12 m apart, photos of a spot at one point. A region
    has its colour, a spot its brightness, a heading the slope of its stripes.
    """
    rng = np.random.default_rng(seed)
    (root / "images").mkdir(parents=True)
    rows = []
    for region in range(regions):
        for spot in range(spots):
            north_m, east_m = 12.0 * spot, 150.0 * region
            for heading in headings:
                name = f"img_{len(rows):04d}.jpg"
                angle = (heading + 37.0 * spot + 11.0 * region) % 360.0
                _save_photo(root / "images" / name, region, spot / spots, angle, rng)
                rows.append(
                    {
                        "filename": name,
                        "timestamp": f"{9 + spot % 8:02d}:{5 * region:02d}",
                        "latitude": ORIGIN_DEG[0] + north_m / METRES_PER_DEGREE,
                        "longitude": ORIGIN_DEG[1] + east_m / (METRES_PER_DEGREE * 0.954),
                        "angle": angle,
                        "Region_ID": region + 1,
                    }
                )
    pd.DataFrame(rows).to_csv(root / "labels.csv", index=False)
    (root / "campus.toml").write_text(
        'name = "Tiny campus"\n\n[frame]\nkind = "degrees"\n\n[regions]\n1 = "Gate"\n',
        encoding="utf-8",
    )
    return root


def _save_photo(
    path: Path, region: int, brightness: float, heading_deg: float, rng: np.random.Generator
) -> None:
    across, down = np.meshgrid(np.arange(PHOTO_PIXELS), np.arange(PHOTO_PIXELS))
    slope = math.radians(heading_deg)
    stripes = np.sin((across * math.cos(slope) + down * math.sin(slope)) / 4.0 + slope)
    colour = np.asarray(COLOURS[region % len(COLOURS)], np.float64)
    pixels = colour * (0.5 + 0.4 * brightness) + 45.0 * stripes[..., None]
    pixels += rng.normal(0.0, 4.0, pixels.shape)
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, quality=90)


@pytest.fixture(scope="session")
def checkpoint(shared_campus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the shared campus, trained on nothing; read only."""
    from tests.tiny_checkpoint import make_checkpoint  # torch: only for those who ask

    return make_checkpoint(tmp_path_factory.mktemp("checkpoint"), shared_campus)


@pytest.fixture(scope="session")
def calibrated(
    checkpoint: Path, shared_campus: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """That checkpoint, calibrated on the photos that it was taught; read only."""
    from core.calibration.calibrate import fit_calibration
    from core.confidence.files import write_calibration
    from core.dataset.store import prepare_dataset
    from core.inference.loading import load_predictor

    folder = tmp_path_factory.mktemp("calibrated") / "checkpoint"
    shutil.copytree(checkpoint, folder)
    plain = load_predictor(folder, calibrated=False)
    dataset, store = prepare_dataset(shared_campus, plain.store_size)
    write_calibration(folder, fit_calibration(plain, dataset, store, "train"))
    return folder


@pytest.fixture(scope="session")
def exported(
    checkpoint: Path, shared_campus: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """That checkpoint with its network as ONNX; read only."""
    from core.__main__ import main

    def make(folder: Path) -> None:
        shutil.copytree(checkpoint, folder / "best")
        words = ["export", str(folder / "best"), "--onnx", "--data", str(shared_campus)]
        assert main(words) == 0

    return made_once(tmp_path_factory, "exported", make) / "best"


@pytest.fixture(scope="session")
def predictor(checkpoint: Path) -> "Predictor":
    """The predictor of that checkpoint."""
    from core.inference.loading import load_predictor

    return load_predictor(checkpoint)


@pytest.fixture(scope="session")
def whole_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo campus of 96 photos, of which a tenth validates: calibration needs ten; read only."""
    from core.demo.build import DemoConfig, build_demo

    def make(root: Path) -> None:
        build_demo(DemoConfig(out=root / "demo", photos=96, seed=3, workers=1))

    return made_once(tmp_path_factory, "demo", make) / "demo"


@pytest.fixture(scope="session")
def partial_workspace(whole_demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four campuses of which a part is labelled, and a model of each; read only."""
    from tests.partial_workspace import make_partial_workspace

    def make(root: Path) -> None:
        make_partial_workspace(root, whole_demo)

    return made_once(tmp_path_factory, "partial", make)


@pytest.fixture
def forks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator["Forks"]:
    """Commands that are started as processes are forks of this one; see `tests/forked.py`."""
    import cv2

    from tests.forked import Forks  # torch: only for those who ask

    threads = cv2.getNumThreads()
    yield Forks(tmp_path / "forks").put_in(monkeypatch)
    cv2.setNumThreads(threads)


@pytest.fixture(params=["posix", "windows"])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    """Each system in turn, in all of core and in the processes that a test starts."""
    if request.param == "posix":
        yield Posix()
        return
    folder = Path(__file__).parent / "imitated_windows"
    # What the imitation replaces is registered here, to be put back.
    for owner, name in ((os, "set_handle_inheritable"), (subprocess, "STARTUPINFO")):
        monkeypatch.setattr(owner, name, None, raising=False)
    monkeypatch.setattr(subprocess, "Popen", subprocess.Popen)
    for name in ("_winapi", "msvcrt"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    _loaded(folder / "sitecustomize.py").install()
    windows = Windows()
    for name, module in list(sys.modules.items()):
        if name.startswith("core.") and hasattr(module, "SYSTEM"):
            monkeypatch.setattr(module, "SYSTEM", windows)
    paths = [str(folder), str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    monkeypatch.setenv("BEARINGS_IMITATE_WINDOWS", "1")
    yield windows


def _loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem + "_of_test", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put a made-up GPU driver in: `driver(2)`; see `tests/fake_gpus.py`."""
    from core.jobs import devices as gpus_module

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def put(*given: Any, **named: Any) -> None:  # noqa: ANN401 - as `fake_driver` takes them
        monkeypatch.setattr(gpus_module, "pynvml", fake_driver(*given, **named))

    return put


@pytest.fixture
def shown_gpus(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str | None]]:
    """The jobs that a runner starts, and which GPUs each is shown; their processes only wait."""
    shown: dict[str, str | None] = {}
    processes: list[subprocess.Popen[bytes]] = []

    def start(words: object, options: object, lock: Lock, log: object, told: Any, cwd: Path) -> Any:  # noqa: ANN401
        shown[lock.folder.name] = told.get("CUDA_VISIBLE_DEVICES")
        processes.append(subprocess.Popen(COMMAND, stdin=subprocess.PIPE))
        return processes[-1]

    monkeypatch.setattr("core.jobs.runner.start_command", start)
    yield shown
    for process in processes:
        process.communicate()
