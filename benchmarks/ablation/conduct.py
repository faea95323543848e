"""Running an ablation: one run after the other, each left alone once it is judged."""

import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks.ablation.frozen import run_frozen
from benchmarks.ablation.tasks import Task
from benchmarks.reference_recipe.run import processor_seconds, run_reference
from core.errors import BearingsError
from core.evaluation.evaluate import evaluate
from core.evaluation.report import Report
from core.evaluation.schema import EvaluateConfig
from core.files import append_json_line
from core.training.fit import fit
from core.training.interrupt import TrainingInterrupted
from core.training.run_folder import RunFolder

RESULTS = "results.jsonl"
Say = Callable[[str], None]


def conduct(todo: Iterable[Task], out: Path, say: Say) -> int:
    """Run what is not done; a run that fails is told and the next one begun.

    Returns:
        How many failed.

    Raises:
        TrainingInterrupted: Ctrl-C; the run at work is saved and goes on next time.
    """
    failed = 0
    for task in todo:
        if task.is_done:
            continue
        say(f"{task.key} begins")
        try:
            result = _run(task)
        except TrainingInterrupted:
            raise
        except BearingsError as error:
            failed += 1
            say(f"{task.key} failed: {error}")
            continue
        append_json_line(out / RESULTS, result)
        say(f"{task.key}: {_figures(result)}")
    return failed


def _run(task: Task) -> dict[str, Any]:
    began, used = time.monotonic(), processor_seconds()
    went_on = task.config.run.exists()
    if task.variant.kind == "train":
        report = _train(task)
    elif task.variant.kind == "reference":
        report = run_reference(task.config, lambda line: None).report
    else:
        report = run_frozen(task.config, task.variant.kind)
    raw, refined = report.figures("raw"), report.figures("refined")
    return {
        "key": task.key,
        "variant": task.variant.name,
        "words": list(task.variant.words),
        "seed": task.seed,
        "fold": task.fold,
        "split": task.config.split.model_dump(mode="json"),
        "report": str(task.report),
        "seconds": round(time.monotonic() - began, 1),
        "cpu_seconds": round(processor_seconds() - used, 1),
        "resumed": went_on,
        "region_accuracy": refined.region_accuracy,
        "median_m": raw.median_m,
        "median_refined_m": refined.median_m,
        "maae_deg": raw.maae_deg,
        "maae_refined_deg": refined.maae_deg,
    }


def _train(task: Task) -> Report:
    """Train, or go on where a killed process was, and judge the test part."""
    run = RunFolder(path=task.config.run)
    status = run.status() if run.path.exists() else None
    if status is None or status.state != "finished":
        resume = (run.last / "card.json").exists()
        if run.path.exists() and not resume:
            shutil.rmtree(run.path)
        for _ in fit(task.config, resume):
            pass
    chosen = EvaluateConfig(run=run.path, out=task.report, plots=False, device="cpu")
    report = evaluate(chosen).report
    # What only a resume needs is twice as large as the checkpoint, and there are many runs.
    shutil.rmtree(run.last, ignore_errors=True)
    return report


def _figures(result: dict[str, Any]) -> str:
    return (
        f"region {result['region_accuracy']:.3f}, median {result['median_m']:.1f} m, refined "
        f"{result['median_refined_m']:.1f} m, MAAE {result['maae_deg']:.1f}, refined "
        f"{result['maae_refined_deg']:.1f} degrees, {result['cpu_seconds']:.0f} processor seconds"
    )
