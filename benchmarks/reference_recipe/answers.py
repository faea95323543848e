"""What the three networks say of the test photos, honestly and as the teams printed it.

Honest answers are fed what a new photo has: the region that the region network names and the
heading that the heading network gives. The oracle's are fed the truth, as the reference does at
test too. Each network's answers are saved, so that a killed run begins at the next network.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.reference_recipe.learn import Say, ask, learn
from benchmarks.reference_recipe.lessons import Lessons
from benchmarks.reference_recipe.networks import Task
from core.files import new_file
from core.geo import Floats, heading_from_unit, heading_unit

Arrays = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Answers:
    """Answers for n test photos: honest, and fed with the truth.

    Attributes:
        probabilities: `(n, R)` of the regions.
        heading: `(n, 2)` `(cos, sin)` of any length.
        heading_oracle: The same, given the true region.
        position_m: `(n, 2)`.
        position_oracle_m: The same, given true region and heading.
    """

    probabilities: Floats
    heading: Floats
    heading_oracle: Floats
    position_m: Floats
    position_oracle_m: Floats


def answer(lessons: Lessons, out: Path, say: Say) -> Answers:
    """Train the three networks, one after the other, and ask them about the test photos."""
    rows = lessons.data.rows["test"]
    truth = lessons.targets(rows)

    def asked(task: Task, region: Tensor, heading: Tensor) -> Arrays:
        network = learn(task, lessons, say)
        honest = ask(network, lessons, rows, region, heading)
        oracle = ask(network, lessons, rows, truth.region, truth.heading)
        return {"honest": honest.double().numpy(), "oracle": oracle.double().numpy()}

    nothing = torch.zeros_like(truth.region), torch.zeros_like(truth.heading)
    logits = _kept(out / "region.npz", lambda: asked("region", *nothing))["honest"]
    region = torch.from_numpy(logits.argmax(axis=1))
    turned = _kept(out / "heading.npz", lambda: asked("heading", region, nothing[1]))
    direction = heading_unit(heading_from_unit(turned["honest"])).astype(np.float32)
    placed = _kept(
        out / "position.npz", lambda: asked("position", region, torch.from_numpy(direction))
    )
    return Answers(
        torch.from_numpy(logits).softmax(dim=1).numpy(),
        turned["honest"],
        turned["oracle"],
        lessons.scaler.to_metres(placed["honest"]),
        lessons.scaler.to_metres(placed["oracle"]),
    )


def _kept(path: Path, make: Callable[[], Arrays]) -> Arrays:
    """Read arrays, or make and save them."""
    if not path.exists():
        arrays = make()
        with new_file(path) as new:
            np.savez(new.stream, **arrays)  # type: ignore[arg-type]
    with np.load(path, allow_pickle=False) as saved:
        return {name: saved[name] for name in saved.files}
