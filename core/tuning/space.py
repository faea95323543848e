"""The search space: which options of a run are drawn, from what, checked before anything runs.

An option is named by its dotted path in `TrainConfig`, as on the command line: `stage2.lr_heads`.
"""

import difflib
import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import ValidationError

from core.options import Option, options, problems
from core.training.schema import TrainConfig
from core.tuning.distribution import Distribution, Value, parse_distribution, restored

Space = Mapping[str, Distribution]

# Learning rates, dropouts, width, weights of the losses, strength of augmentation, schedule. The
# region's loss keeps weight 1: only the proportions of the three matter.
DEFAULT_SPACE: dict[str, Distribution] = {
    option.name: parse_distribution(option.traits.search)
    for option in options(TrainConfig)
    if option.traits.search
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


def searchable() -> dict[str, Option]:
    """Every option of a training run that a search may vary, by its dotted name."""
    every = options(TrainConfig)
    return {option.name: option for option in every if not option.traits.not_searchable}


def option_at(path: str) -> Option:
    """The option of `TrainConfig` that a dotted path names.

    Raises:
        ValueError: There is none, or no search may vary it.
    """
    every = searchable()
    if path in every:
        return every[path]
    for option in options(TrainConfig):
        if option.path[: len(path.split("."))] == tuple(path.split(".")):
            if reason := option.traits.not_searchable:
                raise ValueError(f"{path} cannot be searched: {reason}")
    inside = [name for name in every if name.startswith(f"{path}.")]
    near = inside or difflib.get_close_matches(path, every, n=3, cutoff=0.5)
    last = path.rpartition(".")[2]
    near = near or [name for name in every if name.rpartition(".")[2] == last]
    meant = f"; did you mean {', '.join(near[:4])}?" if near else ""
    raise ValueError(f"{path} is no option of a training run{meant}")


def is_whole(path: str) -> bool:
    """Whether an option takes whole numbers only."""
    return option_at(path).kind == "integer"


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


def _check_kind(path: str, option: Option, distribution: Distribution) -> None:
    if not distribution.choices and option.kind not in ("integer", "number"):
        raise ValueError(f"{path} takes no range of numbers: give choices")
    steps = (distribution.low, distribution.high, distribution.step)
    if option.kind == "integer" and any(value is not None and value % 1 for value in steps):
        raise ValueError(f"{path} takes whole numbers: low, high and step must be whole")


def _check_value(path: str, value: Any, option: Option, base: TrainConfig) -> None:  # noqa: ANN401
    if option.kind in ("integer", "number") and isinstance(value, bool | str):
        raise ValueError(f"{path} takes a number, not {value!r}")
    try:
        with_values(base, {}, {path: value})
    except ValidationError as error:
        words = problems(error)[0].words
        raise ValueError(f"{path} does not take {value!r}: it {words}") from error
