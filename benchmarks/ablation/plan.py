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
BASELINES: tuple[Kind, ...] = ("reference", "frozen-logistic", "frozen-ridge")


@dataclass(frozen=True)
class Variant:
    """One row of the table.

    Attributes:
        name: What it is called: `base`, `base + ema`, `full - ema`, `reference`, ...
        kind: Our own training, or a baseline.
        words: Options of `train`.
        against: The variant that this one differs from by its piece; None for the others.
    """

    name: str
    kind: Kind
    words: tuple[str, ...]
    against: str | None = None


def variants(plan: Plan) -> dict[str, Variant]:
    """Every variant of a plan, in the order of the table.

    Raises:
        ConfigError: A piece needs one that is not there, or stands before one that it needs.
    """
    _check_needs(plan)
    common = tuple(shlex.split(plan.common))
    full = {piece.name for piece in plan.pieces if piece.full}
    found = [Variant(kind, kind, common) for kind in BASELINES]
    found += [_made(plan, "base", set(), None), _made(plan, "full", full, None)]
    for piece in plan.pieces:
        without = f"base + {piece.needs[-1]}" if piece.needs else "base"
        found.append(
            _made(plan, f"base + {piece.name}", {piece.name, *_needed(plan, piece)}, without)
        )
    for name in (piece.name for piece in plan.pieces if piece.full):
        gone = {name} | {one.name for one in plan.pieces if name in _needed(plan, one)}
        found.append(_made(plan, f"full - {name}", full - gone, "full"))
    found += [Variant(name, "train", (*common, *shlex.split(words))) for name, words in plan.more]
    return {variant.name: variant for variant in found}


def _made(plan: Plan, name: str, chosen: set[str], against: str | None) -> Variant:
    words = shlex.split(plan.common)
    for piece in plan.pieces:
        words += shlex.split(piece.on if piece.name in chosen else piece.off)
    return Variant(name, "train", tuple(words), against)


def _needed(plan: Plan, piece: Piece) -> set[str]:
    """Names of what a piece needs, and of what that needs."""
    by_name = {one.name: one for one in plan.pieces}
    found = set(piece.needs)
    for name in piece.needs:
        found |= _needed(plan, by_name[name])
    return found


def _check_needs(plan: Plan) -> None:
    known = set[str]()
    for piece in plan.pieces:
        missing = [name for name in piece.needs if name not in known]
        if missing:
            raise ConfigError(
                f"piece {piece.name} needs {', '.join(missing)}: put that piece before it"
            )
        known.add(piece.name)


def read_plan(name: str) -> Plan:
    """A plan of this module by name, or of a JSON file.

    The file holds `common` (options as one text), `pieces` (a list of objects with `name`, `on` and
    perhaps `off`, `full` and `needs`) and `more` (an object: name to options).

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
    pieces = tuple(
        Piece(**(piece | {"needs": tuple(piece.get("needs", ()))}))
        for piece in content.get("pieces", ())
    )
    return Plan(content["common"], pieces, tuple(content.get("more", {}).items()))
