"""Small workspaces of the app: full, empty, broken; for tests and for screenshots."""

import shutil
from pathlib import Path

PHOTOS = 72


def make_campus_and_run(root: Path) -> None:
    """Render a few photos, train a small network on them, and evaluate it: `demo/`, `tiny/`."""
    from core.demo.build import DemoConfig, build_demo
    from core.evaluation.evaluate import evaluate
    from core.evaluation.schema import EvaluateConfig
    from core.training.fit import fit
    from core.training.schema import TrainConfig

    demo = build_demo(DemoConfig(out=root / "demo", photos=PHOTOS, seed=3, workers=1))
    config = {
        "dataset": demo,
        "run": root / "tiny",
        "split": {"protocol": "random"},
        "model": {"backbone": "test_resnet", "weights": "random", "input_size": 64},
        "stage2": {"epochs": 1},
        "batch_size": 8,
        "device": "cpu",
        "export_onnx": False,
    }
    assert len(list(fit(TrainConfig.model_validate(config)))) == 1
    evaluate(EvaluateConfig(run=root / "tiny", dataset=demo, device="cpu"))


def make_full(root: Path, demo: Path, trained: Path) -> Path:
    """Fill a workspace with a data set and a run; return it."""
    shutil.copytree(demo, root / "data" / "demo")
    shutil.copytree(trained, root / "runs" / "tiny")
    return root


def make_broken(root: Path, demo: Path, trained: Path) -> Path:
    """Fill a workspace with a data set and checkpoints that are damaged, each in another way."""
    shutil.copytree(demo, root / "data" / "demo")
    torn = root / "checkpoints" / "torn-card"
    torn.mkdir(parents=True)
    (torn / "card.json").write_text('{"schema_version": 1, "created": "20')
    best = root / "checkpoints" / "torn-weights"
    shutil.copytree(trained / "checkpoints" / "best", best)
    for weights in best.glob("model-*.safetensors"):
        weights.write_bytes(weights.read_bytes()[:1000])
    return root
