"""A workspace of demo campuses of which a part is labelled, each with a model trained on it."""

from pathlib import Path

from core.__main__ import main
from tests.stripped_demo import STRIPPED, Stripped, stripped_demo

PARTIAL: tuple[Stripped, ...] = (*STRIPPED, "half_positions")

# Smaller and shorter than any useful training: a second a model.
_SHORT = [
    "--split", "random", "--backbone", "test_resnet", "--weights", "random",
    "--input-size", "32", "--store-size", "64", "--gallery-points", "12", "--epochs", "1",
    "--least-steps", "0", "--batch-size", "64", "--threads", "1", "--device", "cpu",
    "--no-export-onnx",
]  # fmt: skip


def make_partial_workspace(root: Path, demo: Path) -> Path:
    """Strip, train (which calibrates) and evaluate through the command line; return the workspace.

    It holds `data/<kind>` and `runs/<kind>` for every kind of `PARTIAL`.
    """
    for kind in PARTIAL:
        data, run = root / "data" / kind, root / "runs" / kind
        stripped_demo(data, kind, demo=demo)
        for words in (
            ["train", str(data), "--run", str(run), *_SHORT],
            ["evaluate", str(run), str(data), "--device", "cpu", "--no-plots"],
        ):
            assert main(words) == 0, words
    return root
