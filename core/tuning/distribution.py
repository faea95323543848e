"""What an option may be in a search: a range of numbers, or some choices."""

import json
import math
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

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
