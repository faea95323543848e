"""Attribution of one photo at 224 pixels, beside Captum's integrated gradients as they come."""

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace

from captum.attr import IntegratedGradients

from benchmarks.effort import CHECKPOINT, Effort
from benchmarks.goals import verdict
from benchmarks.pairs import compared, timed, times_faster
from core.dataset.decode import decode_photo
from core.explain.attribute import attribute, prepare
from core.explain.methods import METHODS
from core.explain.targets import Target
from core.model.card import read_card
from core.model.network import build_model
from core.model.schema import ModelConfig

_STEPS = 50
_MOST_S, _LEAST = 5.0, 1.5
_CAPTUM = "Captum, integrated gradients, step by step"


def measure(effort: Effort) -> list[str]:
    """Time the methods of the app; the first is the default one."""
    backbone, size = ("test_resnet", 64) if effort.quick else ("mobilenetv3_large_100", 224)
    steps = 8 if effort.quick else _STEPS
    card = read_card(CHECKPOINT)
    config = ModelConfig(backbone=backbone, weights="random", input_size=size)
    explained = SimpleNamespace(card=card, model=build_model(config, card.regions).eval())
    photo, _ = decode_photo(min((effort.demo / "images").iterdir()), size=size)
    inputs, _ = prepare(explained, photo, Target("heading"))
    captum = IntegratedGradients(inputs.score)

    def of(method: str) -> object:
        return attribute(explained, photo, method, "heading")

    default, *others = METHODS
    shown = [default, *(name for name in others if name == "integrated_gradients")]
    ways: dict[str, Callable[[], object]] = {
        f"{METHODS[name].label}, as in the app": partial(of, name) for name in shown
    }
    ways[_CAPTUM] = lambda: captum.attribute(inputs.image, n_steps=steps, internal_batch_size=1)
    spent = timed(ways, min(effort.rounds, 3))
    first = next(iter(ways))
    seconds, times = max(spent[first]), times_faster(spent, first, _CAPTUM)
    return [
        *compared(spent, _CAPTUM),
        "",
        f"{backbone} at {size} px with random weights, one photo, target heading; {steps} "
        "steps of Captum's.",
        *verdict(
            f"the default method in less than {_MOST_S:g} s and at least {_LEAST:g} times faster",
            f"{seconds:.3g} s at most, {times:.3g} times",
            met=seconds < _MOST_S and times >= _LEAST,
            missed_in=ways[first],
        ),
    ]
