"""The search space: which options of a run are drawn, from what, checked before anything runs.

An option is named by its dotted path in `TrainConfig`, as on the command line: `stage2.lr_heads`.
"""

import difflib
import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from core.training.schema import TrainConfig
from core.tuning.distribution import Distribution, Value, restored

Space = Mapping[str, Distribution]

# Learning rates, dropouts, width, weights of the losses, strength of augmentation, schedule. The
# region's loss keeps weight 1: only the proportions of the three matter.
DEFAULT_SPACE: dict[str, Distribution] = {
    "stage2.lr_heads": Distribution(low=1e-4, high=1e-2, log=True),
    "stage2.lr_backbone": Distribution(low=1e-5, high=3e-3, log=True),
    "stage2.weight_decay": Distribution(low=1e-6, high=1e-2, log=True),
    "model.region_dropout": Distribution(low=0.0, high=0.5),
    "model.position_dropout": Distribution(low=0.0, high=0.5),
    "model.heading_dropout": Distribution(low=0.0, high=0.5),
    "model.region_embedding": Distribution(choices=(8, 16, 32, 64)),
    "loss.position_weight": Distribution(low=0.3, high=3.0, log=True),
    "loss.heading_weight": Distribution(low=0.3, high=3.0, log=True),
    "augment.crop_scale": Distribution(choices=([0.9, 1.0], [0.8, 1.0], [0.6, 1.0])),
    "augment.colour_probability": Distribution(low=0.0, high=1.0),
    "augment.erasing_probability": Distribution(low=0.0, high=0.5),
    "schedule.kind": Distribution(choices=("cosine", "one_cycle", "plateau")),
}

_WHOLE = (int, int | None)
_NUMBERS = (*_WHOLE, float, float | None)
_OTHER_PHOTOS = "another choice of photos makes figures that cannot be compared"
_SELF = "the study sets it itself"
_SAME = "it decides where and how fast a run is computed, not how good it is"
# What no search may vary, and why.
FIXED = {
    "dataset": _OTHER_PHOTOS,
    "split": _OTHER_PHOTOS,
    "allow_missing": _OTHER_PHOTOS,
    "run": _SELF,
    "monitor": _SELF,
    "command": _SELF,
    "seed": "the best of many seeds is luck, not a better choice",
    "refine": "every run chooses it on validation itself, after training",
    "device": _SAME,
    "threads": _SAME,
    "workers": _SAME,
    "wandb": _SAME,
    "checkpoint_dtype": _SAME,
}


def check_space(space: Space, base: TrainConfig) -> None:
    """Refuse a space that names no option, or values that an option does not take.

    Raises:
        ValueError: Names the path, what is wrong with it, and near names.
    """
    for path, distribution in space.items():
        option = option_at(path)
        _check_kind(path, option, distribution)
        ends = distribution.choices or (distribution.low, distribution.high)
        for value in ends:
            _check_value(path, value, option, base)


def option_at(path: str) -> FieldInfo:
    """The field of `TrainConfig` that a dotted path names.

    Raises:
        ValueError: There is none, or no search may vary it.
    """
    every = dict(options())
    for fixed, reason in FIXED.items():
        if path == fixed or path.startswith(f"{fixed}."):
            raise ValueError(f"{path} cannot be searched: {reason}")
    if path in every:
        return every[path]
    inside = [name for name in every if name.startswith(f"{path}.")]
    near = inside or difflib.get_close_matches(path, every, n=3, cutoff=0.5)
    last = path.rpartition(".")[2]
    near = near or [name for name in every if name.rpartition(".")[2] == last]
    meant = f"; did you mean {', '.join(near[:4])}?" if near else ""
    raise ValueError(f"{path} is no option of a training run{meant}")


def options(
    schema: type[BaseModel] = TrainConfig, above: str = ""
) -> Iterator[tuple[str, FieldInfo]]:
    """Every option that may be searched, by its dotted path."""
    for name, info in schema.model_fields.items():
        path = f"{above}{name}"
        kind = info.annotation
        if path in FIXED:
            continue
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from options(kind, f"{path}.")
        else:
            yield path, info


def is_whole(path: str) -> bool:
    """Whether an option takes whole numbers only."""
    return option_at(path).annotation in _WHOLE


def grid(space: Space) -> list[dict[str, Value]]:
    """All combinations of a space's values, each once.

    Raises:
        ValueError: Names a range without steps, which has no combinations.
    """
    axes: dict[str, tuple[Value, ...]] = {}
    for path, distribution in sorted(space.items()):
        points = distribution.points(is_whole(path))
        if points is None:
            raise ValueError(
                f"{path}: a grid needs choices, or a range with a step and without log"
            )
        axes[path] = points
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def grid_size(space: Space) -> int:
    """How many combinations a grid has."""
    sizes = [distribution.points(is_whole(path)) for path, distribution in space.items()]
    return math.prod(len(points) for points in sizes if points is not None)


def grid_point(space: Space, seed: int, number: int) -> dict[str, Value]:
    """The combination of trial `number`: in an order drawn from the seed, so that a part of the
    grid is spread over all of it.
    """  # noqa: D205 - one sentence
    every = grid(space)
    order = np.random.default_rng([seed]).permutation(len(every))
    return every[int(order[number])]


def with_values(base: TrainConfig, space: Space, values: Mapping[str, Any]) -> TrainConfig:
    """The options of a run: the base's, and the drawn ones in their places.

    Raises:
        ValueError: The drawn values contradict each other.
    """
    content = base.model_dump()
    for path, value in values.items():
        *above, name = path.split(".")
        place = content
        for step in above:
            place = place[step]
        place[name] = restored(value, space[path].choices) if path in space else value
    return TrainConfig.model_validate(content)


def _check_kind(path: str, option: FieldInfo, distribution: Distribution) -> None:
    if not distribution.choices and option.annotation not in _NUMBERS:
        raise ValueError(f"{path} takes no range of numbers: give choices")
    steps = (distribution.low, distribution.high, distribution.step)
    if is_whole(path) and any(value is not None and value % 1 for value in steps):
        raise ValueError(f"{path} takes whole numbers: low, high and step must be whole")


def _check_value(path: str, value: Any, option: FieldInfo, base: TrainConfig) -> None:  # noqa: ANN401
    if option.annotation in (int, float, int | None, float | None) and isinstance(
        value, bool | str
    ):
        raise ValueError(f"{path} takes a number, not {value!r}")
    try:
        with_values(base, {}, {path: value})
    except ValidationError as error:
        found = error.errors(include_url=False)[0]
        words = str(found["msg"]).removeprefix("Value error, ")
        raise ValueError(f"{path} does not take {value!r}: {words}") from error
