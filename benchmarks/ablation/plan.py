"""What is to be compared: pieces that come on top of common options, and variants made of them."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.ablation.pieces import Piece, Plan
from benchmarks.ablation.plans import PLANS
from core.errors import ConfigError

Kind = Literal["train", "reference", "frozen-logistic", "frozen-ridge"]
RIVALS: tuple[Kind, ...] = ("reference", "frozen-logistic", "frozen-ridge")


@dataclass(frozen=True)
class Variant:
    """One row of the table.

    Attributes:
        name: What it is called: `base`, `base + ema`, `full - ema`, `reference`, ...
        kind: Our own training, or a rival.
        words: Options of `train`.
    """

    name: str
    kind: Kind
    words: tuple[str, ...]

    @property
    def against(self) -> str | None:
        """The variant that this one differs from by a single piece."""
        for anchor, sign in (("base", " + "), ("full", " - ")):
            if self.name.startswith(anchor + sign):
                return anchor
        return None


def variants(plan: Plan) -> dict[str, Variant]:
    """Every variant of a plan, in the order of the table."""
    off = {piece.name: shlex.split(piece.off) for piece in plan.pieces}
    on = {piece.name: shlex.split(piece.on) for piece in plan.pieces}
    full = [piece.name for piece in plan.pieces if piece.full]

    def made(name: str, chosen: list[str]) -> Variant:
        words = shlex.split(plan.common)
        for piece in plan.pieces:
            words += on[piece.name] if piece.name in chosen else off[piece.name]
        return Variant(name, "train", tuple(words))

    common = tuple(shlex.split(plan.common))
    found = [Variant(kind, kind, common) for kind in RIVALS]
    found += [made("base", []), made("full", full)]
    found += [made(f"base + {name}", [name]) for name in on]
    found += [made(f"full - {name}", [each for each in full if each != name]) for name in full]
    found += [Variant(name, "train", (*common, *shlex.split(words))) for name, words in plan.more]
    return {variant.name: variant for variant in found}


def read_plan(name: str) -> Plan:
    """A plan of this module by name, or of a JSON file.

    The file holds `common` (options as one text), `pieces` (a list of objects with `name`, `on` and
    perhaps `off` and `full`) and `more` (an object: name to options).

    Raises:
        ConfigError: There is none, or it cannot be read.
    """
    if name in PLANS:
        return PLANS[name]
    try:
        return _plan(json.loads(Path(name).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"there is no plan {name} ({error!r}): give one of {', '.join(PLANS)}, or a JSON file "
            "with common, pieces and more"
        ) from error


def _plan(content: Mapping[str, Any]) -> Plan:
    pieces = tuple(Piece(**piece) for piece in content.get("pieces", ()))
    return Plan(content["common"], pieces, tuple(content.get("more", {}).items()))
