"""One photo to its answer: from the command line, and within a program that has the model loaded.

`python -m benchmarks.one_photo CHECKPOINT PHOTO` runs what it compares in turns, several rounds,
and prints median, smallest and largest of each.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from core.cli.command import say
from core.inference.loading import load_predictor
from core.inference.onnx_network import OnnxNetwork
from core.model.backbone import normalise


def timed(what: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each, in turns; the first round, which fills caches, is not counted."""
    spent: dict[str, list[float]] = {name: [] for name in what}
    for number in range(rounds + 1):
        for name, run in what.items():
            start = time.perf_counter()
            run()
            if number:
                spent[name].append(1e3 * (time.perf_counter() - start))
    return spent


def rows(spent: Mapping[str, list[float]]) -> list[str]:
    """One line of a Markdown table each; the ratio is to the last, of medians."""
    against = statistics.median(list(spent.values())[-1])
    return [
        f"| {name} | {statistics.median(each):,.0f} | {min(each):,.0f} to {max(each):,.0f} | "
        f"{statistics.median(each) / against:.2f} |"
        for name, each in spent.items()
    ]


def main() -> int:
    """Time the command line, then the loaded model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()

    def program(*words: str) -> Callable[[], object]:
        command = [sys.executable, *words]
        return lambda: subprocess.run(command, check=True, capture_output=True)

    say(f"command line, {asked.rounds} rounds")
    predict = ("-m", "core", "predict", str(asked.checkpoint), str(asked.photo), "--device", "cpu")
    cold = {
        "`predict` of one photo": program(*predict),
        "`import torch`": program("-c", "import torch"),
    }
    table = ["| a new process | ms | from, to | ratio |", "|---|---|---|---|"]
    table += rows(timed(cold, asked.rounds))

    say(f"loaded model, {5 * asked.rounds} rounds")
    content = asked.photo.read_bytes()
    eager = load_predictor(asked.checkpoint, exported=False)
    fast = load_predictor(asked.checkpoint)
    photos = eager.view(eager.decode(content)[None])
    model = eager.model

    def forward() -> None:
        with torch.inference_mode():
            model.features(normalise(photos, model.mean, model.std))

    what: dict[str, Callable[[], object]] = {}
    if isinstance(fast.network, OnnxNetwork):
        what["bytes to answer, exported"] = lambda: fast.predict_photos(fast.decode(content)[None])
    what["bytes to answer, torch"] = lambda: eager.predict_photos(eager.decode(content)[None])
    what["backbone alone, torch"] = forward
    table += ["", "| loaded | ms | from, to | ratio |", "|---|---|---|---|"]
    table += rows(timed(what, 5 * asked.rounds))
    sys.stdout.write("\n".join(table) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
