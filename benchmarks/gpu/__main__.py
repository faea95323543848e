"""`python -m benchmarks.gpu [--minutes 8] [--demo DIR] [--out DIR]`: a CUDA machine in one go.

Checks correctness (precisions, resume, memory, queue, folds and trials by device, BatchNorm), then
measures speed: whole epochs with data loading beside a bare step of the same timm model, in turn;
data loading alone; cached epochs; the finish of a run. Needs no network: weights are random, and
the demo campus is rendered if it is not there. A check that fails is recorded and the others go on;
what does not fit into the time is named. `--dry` does all of it on a CPU with tiny sizes.

Writes DIR/gpu-report.json and DIR/gpu-report.md, beside log.txt and events.jsonl. Exit code 1 if a
check failed.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from benchmarks.gpu.checks import Outcome, Settings
from benchmarks.gpu.conduct import run_checks
from benchmarks.gpu.plan import MODELS, NOT_SHOWN, plan
from benchmarks.gpu.report import MARKDOWN, write_report
from core.project import PROJECT, python_path
from core.training.environment import git_state, versions

# A dry run ends when every check was made; its limit is for a machine that hangs.
DRY_PHOTOS, DRY_MINUTES = 120, 30.0
# Photos of the runs of which only the place and the end count.
FEW_PHOTOS = 400
# Left for the report.
_SPARE_S = 5.0


def make_parser() -> argparse.ArgumentParser:
    """Build the parser."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--minutes", type=float, default=8.0, help="Time for everything (default: 8)"
    )
    parser.add_argument(
        "--demo", type=Path, help="Folder of the demo campus, rendered there if absent "
        "(default: DIR/demo)",
    )  # fmt: skip
    parser.add_argument("--photos", type=int, default=3000, help="Demo photos (default: 3000)")
    parser.add_argument(
        "--out", type=Path, default=Path("reports/gpu"), metavar="DIR",
        help="Folder of the report (default: reports/gpu)",
    )  # fmt: skip
    parser.add_argument("--models", nargs="+", default=list(MODELS), metavar="NAME",
                        help=f"timm models to measure (default: {' '.join(MODELS)})")  # fmt: skip
    parser.add_argument("--batch-size", type=int, default=64, help="Photos a step (default: 64)")
    parser.add_argument("--only", nargs="+", metavar="CHECK", help="Make these checks alone")
    parser.add_argument("--dry", action="store_true", help="Tiny sizes on a CPU")
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Make all checks, write the report, and return the exit code."""
    began, parser = time.time(), make_parser()
    arguments = parser.parse_args(words)
    if not arguments.dry and not torch.cuda.is_available():
        parser.error("this machine has no CUDA device; --dry runs every check on a CPU")
    out = arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    # Runs are of no use afterwards. Beside the report: /tmp may be small, or memory.
    work = Path(tempfile.mkdtemp(prefix="work-", dir=out))
    settings = _settings(arguments, out, work, began)
    checks = plan(settings)
    names = [check.name for check in checks]
    if arguments.only and set(arguments.only) - set(names):
        parser.error(f"--only knows {', '.join(names)}")
    if arguments.only:
        checks = [check for check in checks if check.name in arguments.only]
    try:
        photos = _demo(settings.demo, DRY_PHOTOS if arguments.dry else arguments.photos)
        copy_few(settings.demo, settings.few, FEW_PHOTOS)
        outcomes = run_checks(settings, checks, out)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    head = _head(arguments, words, settings, photos, time.time() - began)
    write_report(out, head, outcomes)
    for outcome in outcomes:
        sys.stdout.write(f"{outcome.state:9} {outcome.name}: {_line(outcome)}\n")
    sys.stdout.write(f"{out / MARKDOWN}\n")
    return int(any(outcome.state in ("failed", "too long") for outcome in outcomes))


def _settings(arguments: argparse.Namespace, out: Path, work: Path, began: float) -> Settings:
    dry = arguments.dry
    minutes = DRY_MINUTES if dry else arguments.minutes
    return Settings(
        demo=(arguments.demo or out / "demo").resolve(),
        few=work / "few",
        work=work,
        device="cpu" if dry else "cuda",
        gpus=0 if dry else torch.cuda.device_count(),
        dry=dry,
        deadline=began + 60.0 * minutes - _SPARE_S,
        models=("test_resnet",) if dry else tuple(arguments.models),
        batch_size=16 if dry else arguments.batch_size,
    )


def _demo(folder: Path, photos: int) -> int:
    """Render the demo campus if it is not there; return how many photos it has."""
    labels = folder / "labels.csv"
    if not labels.exists():
        subprocess.run(
            [sys.executable, "-m", "core", "demo", "--out", str(folder), "--photos", str(photos)],
            cwd=PROJECT,
            env=os.environ | python_path(),
            check=True,
        )
    return len(labels.read_text(encoding="utf-8").splitlines()) - 1


def copy_few(demo: Path, folder: Path, photos: int) -> None:
    """Copy the first photos of a demo campus and their labels into a folder of their own."""
    labels = pd.read_csv(demo / "labels.csv", dtype=str, keep_default_na=False).head(photos)
    folder.mkdir(parents=True)
    labels.to_csv(folder / "labels.csv", index=False)
    shutil.copy2(demo / "campus.toml", folder)
    (folder / "images").mkdir()
    for name in labels["filename"]:
        shutil.copy2(demo / "images" / name, folder / "images")


def _head(
    arguments: argparse.Namespace,
    words: Sequence[str] | None,
    settings: Settings,
    photos: int,
    seconds: float,
) -> dict[str, Any]:
    cuda = settings.device == "cuda"
    git = git_state()
    return {
        "version": 1,
        "dry": settings.dry,
        "command": "python -m benchmarks.gpu " + " ".join(sys.argv[1:] if words is None else words),
        "seconds": round(seconds, 1),
        "minutes": arguments.minutes,
        "commit": (git.get("commit") or "unknown") + (", changed" if git.get("changed") else ""),
        "photos": photos,
        "machine": {
            "card": torch.cuda.get_device_name() if cuda else "CPU",
            "memory_bytes": torch.cuda.get_device_properties(0).total_memory if cuda else 0,
            "gpus": settings.gpus,
            "cores": os.cpu_count() or 1,
            "versions": versions() | {"cuda": torch.version.cuda or "none"},
        },
        "not_shown": list(NOT_SHOWN),
    }


def _line(outcome: Outcome) -> str:
    return outcome.reason or f"{outcome.seconds:.0f} s"


if __name__ == "__main__":
    sys.exit(main())
