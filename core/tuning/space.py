"""The space of a search: which options vary, and the range or choices of each."""

import difflib
import itertools
import json
import math
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.options import Option, options, problems
from core.training.schema import TrainConfig

Value = bool | int | float | str | None


class Distribution(BaseModel):
    """A range `low..high`, or `choices`.

    A range is continuous, or in steps; the numbers of a whole-number option are whole anyway.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: float | None = Field(None, description="Least value")
    high: float | None = Field(None, description="Greatest value")
    step: float | None = Field(None, gt=0, description="Distance between the values of a range")
    log: bool = Field(False, description="Draw by order of magnitude, as suits learning rates")
    choices: tuple[Any, ...] = Field((), description="Values to choose from, in place of a range")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        ranged = self.low is not None or self.high is not None
        if ranged == bool(self.choices):
            raise ValueError("give either low and high, or choices")
        if self.choices:
            self._check_choices()
        else:
            self._check_range()
        return self

    def _check_choices(self) -> None:
        if self.step is not None or self.log:
            raise ValueError("choices have neither step nor log")
        written = [json.dumps(choice) for choice in self.choices]
        twice = sorted({text for text in written if written.count(text) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} is there twice among the choices")

    def _check_range(self) -> None:
        if self.low is None or self.high is None:
            raise ValueError("a range needs both low and high")
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"low must be less than high: got {self.low:g}..{self.high:g}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("a log range begins above 0 and has no step")
        if self.step is not None and self.step > self.high - self.low:
            raise ValueError(f"step {self.step:g} is longer than {self.low:g}..{self.high:g}")

    def points(self, whole: bool) -> tuple[Value, ...] | None:
        """All values, as a grid takes them; None for a range without steps.

        Args:
            whole: Whether the option takes whole numbers only.
        """
        if self.choices:
            return tuple(stored(choice) for choice in self.choices)
        assert self.low is not None
        assert self.high is not None
        if self.log or (self.step is None and not whole):
            return None
        step = self.step or 1.0
        # The last one may miss `high` by the rounding of a decimal step.
        count = math.floor((self.high - self.low) / step + 1e-9) + 1
        values = [round(self.low + index * step, 12) for index in range(count)]
        return tuple(int(value) if whole else value for value in values)

    def __str__(self) -> str:
        """As `--vary` takes it."""
        if self.choices:
            return ",".join(_written(choice) for choice in self.choices)
        ends = f"{self.low:g}..{self.high:g}"
        return ends + (" log" if self.log else "") + (f" step {self.step:g}" if self.step else "")


def stored(choice: Any) -> Value:  # noqa: ANN401 - any JSON value
    """A choice as a study's storage takes it: lists and objects as their JSON."""
    scalar = choice is None or isinstance(choice, bool | int | float | str)
    return choice if scalar else json.dumps(choice)


def restored(value: Value, choices: tuple[Any, ...]) -> Any:  # noqa: ANN401 - any JSON value
    """The choice that `stored` made a stored value of."""
    for choice in choices:
        kept = stored(choice)
        if type(kept) is type(value) and kept == value:
            return choice
    return value


def parse_distribution(text: str) -> Distribution:
    """Read `1e-4..1e-2 log`, `0..0.5 step 0.1` or `a,b,c`; a choice may be any JSON value.

    Raises:
        ValueError: It is none of them, in words; pydantic's own error is one too.
    """
    ends, _, rest = text.strip().partition(" ")
    first, found, last = ends.partition("..")
    if found and _is_number(first):
        values: dict[str, Any] = {"low": float(first), "high": _number(last)}
        return Distribution.model_validate(values | _flags(rest.split(), text))
    return Distribution(choices=_choices(text))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _flags(words: list[str], text: str) -> dict[str, Any]:
    given: dict[str, Any] = {}
    left = list(words)
    while left:
        word = left.pop(0)
        if word == "log":
            given["log"] = True
        elif word == "step" and left:
            given["step"] = _number(left.pop(0))
        else:
            raise ValueError(f"{text!r}: after LOW..HIGH stands `log` or `step NUMBER`, not {word}")
    return given


def _number(text: str) -> float:
    if not _is_number(text):
        raise ValueError(f"{text!r} is no number: a range is LOW..HIGH, as in 1e-4..1e-2")
    return float(text)


def _choices(text: str) -> tuple[Any, ...]:
    try:
        # Lists, such as ranges of the augmentation, hold commas of their own.
        return tuple(json.loads(f"[{text}]"))
    except ValueError:
        return tuple(_choice(word.strip()) for word in text.split(",") if word.strip())


def _choice(word: str) -> Any:  # noqa: ANN401 - any JSON value
    if word.lower() == "none":
        return None
    try:
        return json.loads(word)
    except ValueError:
        return word


def _written(choice: Any) -> str:  # noqa: ANN401 - any JSON value
    return choice if isinstance(choice, str) else json.dumps(choice)


# The search space: which options of a run are drawn, from what, checked before anything runs.
#
# An option is named by its dotted path in `TrainConfig`, as on the command line: `stage2.lr_heads`.


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
