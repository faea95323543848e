"""Training one network of the reference: heads at 1e-3, then all layers at 1e-4, best epoch kept.

The frozen backbone stays in training mode, as the reference leaves it: its BatchNorm statistics
move, and nothing can be cached. Best is judged as the reference judges it: with the true region
and heading fed to the networks that take them.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.reference_recipe.lessons import Lessons
from benchmarks.reference_recipe.networks import ReferenceNetwork, Task, build_network
from core.geo import heading_error_deg, heading_from_unit
from core.model.losses import Targets
from core.training.data import Rows, steps_per_epoch
from core.training.optimiser import rate_factor

RATES = (1e-3, 1e-4)
Say = Callable[[str], None]


@dataclass(frozen=True)
class Stage:
    """One of the two stages: its peak rate, its epochs, and whether the backbone learns."""

    rate: float
    epochs: int
    whole: bool

    def optimiser(self, network: ReferenceNetwork) -> torch.optim.AdamW:
        """AdamW over what learns in this stage."""
        network.backbone.requires_grad_(self.whole)
        learnt = [parameter for parameter in network.parameters() if parameter.requires_grad]
        return torch.optim.AdamW(learnt, lr=self.rate, weight_decay=1e-4)


def learn(task: Task, lessons: Lessons, say: Say) -> ReferenceNetwork:
    """Train one network and return its best epoch, in evaluation mode."""
    config, rows = lessons.config, lessons.data.rows["val"]
    torch.manual_seed(config.seed)
    network = build_network(task, config.model, len(lessons.data.dataset.regions))
    best, state, epoch = float("inf"), network.state_dict(), 0
    heads = Stage(RATES[0], config.stage1_epochs, whole=False)
    for stage in (heads, Stage(RATES[1], config.stage2.epochs, whole=True)):
        optimiser = stage.optimiser(network)
        for number in range(stage.epochs):
            loss = _learn_epoch(network, lessons, optimiser, stage, number, epoch)
            figure = _figure(network, lessons, rows)
            epoch += 1
            say(f"{task} epoch {epoch}: loss {loss:.4f}, validation {figure:.4f}")
            if figure < best:
                best, state = figure, copy.deepcopy(network.state_dict())
    network.load_state_dict(state)
    return network.eval()


def ask(
    network: ReferenceNetwork, lessons: Lessons, rows: Rows, region: Tensor, heading: Tensor
) -> Tensor:
    """Answers `(n, ...)` of a network for photos, fed regions `(n,)` and headings `(n, 2)`."""
    network.eval()
    with torch.inference_mode():
        answers = [
            network(images, region[place], heading[place]) for place, images in lessons.plain(rows)
        ]
    return torch.cat(answers)


def _learn_epoch(
    network: ReferenceNetwork,
    lessons: Lessons,
    optimiser: torch.optim.Optimizer,
    stage: Stage,
    number: int,
    epoch: int,
) -> float:
    """Learn every training photo once, as epoch `number` of its stage; returns the mean loss."""
    config, total = lessons.config, 0.0
    steps = steps_per_epoch(len(lessons.rows(network.task, "train")), config.batch_photos)
    network.train()
    for step, (images, targets) in enumerate(lessons.epoch(network.task, epoch)):
        done = number * steps + step
        factor = rate_factor(config.schedule, done, stage.epochs * steps, steps)
        for group in optimiser.param_groups:
            group["lr"] = stage.rate * factor
        optimiser.zero_grad(set_to_none=True)
        loss = network.loss(network(images, targets.region, targets.heading), targets)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        total += loss.item()
    return total / steps


def _figure(network: ReferenceNetwork, lessons: Lessons, rows: Rows) -> float:
    """What the best epoch has least of: wrong regions, degrees, or squared error in [0, 1]."""
    truth = lessons.targets(rows)
    answer = ask(network, lessons, rows, truth.region, truth.heading)
    if network.task == "heading":
        found = heading_from_unit(answer.double().numpy())
        return float(heading_error_deg(found, lessons.data.heading_deg[rows]).mean())
    return _error(answer, truth, network.task)


def _error(answer: Tensor, truth: Targets, task: Task) -> float:
    if task == "region":
        return float((answer.argmax(dim=1) != truth.region).float().mean())
    believed = truth.position.abs().amax(dim=1) < 10.0  # as in training: typing errors judge nobody
    return float((answer - truth.position)[believed].square().mean())
