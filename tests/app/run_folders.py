"""Run folders as training leaves them, without a tensor."""

from pathlib import Path
from typing import Any

from core.training.run_folder import RunFolder, RunStatus, own_status
from core.training.schema import TrainConfig

FIGURES = {"loss": 2.0, "region_accuracy": 0.4, "median_m": 50.0, "mean_m": 60.0, "maae_deg": 70.0}


def event(epoch: int, stage: str = "fine-tune", **figures: float) -> dict[str, Any]:
    """What training says after an epoch."""
    losses = {"total": 3.0 / epoch, "region": 1.0, "position": 1.0, "heading": 1.0}
    validation = FIGURES | {"score": 1.0} | figures
    return {
        "stage": stage,
        "epoch": epoch,
        "epochs": 3,
        "step": epoch,
        "lr": 0.001,
        "train": losses,
        "validation": validation,
        "best": True,
        "seconds": 2.0,
        "photos_per_s": 9.0,
    }


def write_run(root: Path, name: str, state: str = "finished", **options: object) -> RunFolder:
    """A run folder as training leaves it, without a tensor."""
    run = RunFolder(path=root / "runs" / name)
    run.path.mkdir(parents=True)
    config = {"dataset": root / "data" / "tiny", "run": run.path} | options
    run.write_config(TrainConfig.model_validate(config))
    run.write_json("split.json", {"hash": "abcdef0123456789"})
    for epoch in (1, 2):
        run.append_event(event(epoch, median_m=90.0 / epoch))
    run.log(f"log of {name}")
    status = own_status().model_dump() | {"state": state, "epoch": 3, "epochs": 3}
    run.write_status(RunStatus.model_validate(status | {"stage": "fine-tune", "step": 4,
                                                        "steps": 10, "eta_s": 75.0}))  # fmt: skip
    return run
