"""One photo to its answer: from the command line, and within a program that has the model loaded.

`python -m benchmarks.one_photo CHECKPOINT PHOTO` runs what it compares in turns, several rounds,
and prints median, smallest and largest of each.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.effort import CHECKPOINT, Effort
from benchmarks.goals import verdict
from benchmarks.pairs import compared, timed, times_faster
from core.cli.command import say
from core.inference.loading import load_predictor
from core.inference.onnx_network import OnnxNetwork
from core.model.backbone import normalise
from core.project import PROJECT, python_path

_COLD, _WARM = 0.7, 2.0


def measure(effort: Effort) -> list[str]:
    """Time one photo with the shipped checkpoint."""
    return one_photo(CHECKPOINT, min((effort.demo / "images").iterdir()), effort.rounds)


def one_photo(checkpoint: Path, photo: Path, rounds: int) -> list[str]:
    """Time the command line, then the loaded model."""
    say(f"command line, {rounds} rounds")
    new = _new_process(checkpoint, photo, rounds)
    say(f"loaded model, {5 * rounds} rounds")
    loaded = _model_loaded(checkpoint, photo.read_bytes(), 5 * rounds)
    return ["A new process:", "", *new, "", "Model loaded:", "", *loaded]


def _new_process(checkpoint: Path, photo: Path, rounds: int) -> list[str]:
    def program(*words: str) -> Callable[[], object]:
        command = [sys.executable, *words]
        # A user's Python keeps its bytecode.
        env = os.environ | python_path() | {"PYTHONDONTWRITEBYTECODE": ""}
        return lambda: subprocess.run(
            command, check=True, capture_output=True, cwd=PROJECT, env=env
        )

    importing = "`import torch`"
    with tempfile.TemporaryDirectory() as folder:
        # The labels of a photo's data set are read too, and a lone table of the folder above may
        # hold them: nothing is above this one.
        alone = Path(folder, "photos", photo.name)
        alone.parent.mkdir()
        shutil.copy(photo, alone)
        words = ("-m", "core", "predict", str(checkpoint))
        cold = {
            "`predict` of one photo": program(*words, str(alone), "--device", "cpu"),
            "`predict` of one photo in a data set": program(*words, str(photo), "--device", "cpu"),
            importing: program("-c", "import torch"),
        }
        spent = timed(cold, rounds)
    shares = [1.0 / times_faster(spent, name, importing) for name in list(cold)[:2]]
    return [
        *compared(spent, importing),
        *verdict(
            f"at most {_COLD:g} of `import torch`",
            f"{shares[0]:.2f}, and {shares[1]:.2f} in a data set, whose labels are read too",
            met=max(shares) <= _COLD,
        ),
    ]


def _model_loaded(checkpoint: Path, content: bytes, rounds: int) -> list[str]:
    eager = load_predictor(checkpoint, exported=False)
    fast = load_predictor(checkpoint)
    photos = eager.view(eager.decode(content)[None])
    model = eager.model

    def forward() -> None:
        with torch.inference_mode():
            model.features(normalise(photos, model.mean, model.std))

    what: dict[str, Callable[[], object]] = {}
    if isinstance(fast.network, OnnxNetwork):
        what["bytes to answer, exported"] = lambda: fast.predict_photos(fast.decode(content)[None])
    what["bytes to answer, torch"] = lambda: eager.predict_photos(eager.decode(content)[None])
    backbone = "backbone alone, torch"
    what[backbone] = forward
    spent = timed(what, rounds)
    first = next(iter(what))
    times = 1.0 / times_faster(spent, first, backbone)
    return [
        *compared(spent, backbone),
        *verdict(
            f"at most {_WARM:g} times the backbone alone",
            f"{times:.2g} times",
            met=times <= _WARM,
            missed_in=what[first],
        ),
    ]


def main() -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    lines = one_photo(asked.checkpoint.resolve(), asked.photo.resolve(), asked.rounds)
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
