"""`ensemble`: combine several runs into one model."""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from core.amounts import percent
from core.cli.command import Command, bar, say
from core.cli.flags import add_flags, given, validated
from core.ensemble.schema import EnsembleConfig

if TYPE_CHECKING:
    from core.ensemble.make import SavedEnsemble

# Figures of labels that the members do not predict are absent.
_FIGURES: Mapping[str, Callable[[float], str]] = {
    "val_region_accuracy_refined": lambda share: f"region {percent(share, 1)}",
    "val_median_refined_m": "median {:.1f} m".format,
    "val_maae_refined_deg": "heading MAAE {:.1f}°".format,
}


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "members", nargs="+", type=Path, metavar="RUN_OR_CHECKPOINT",
        help="Two or more run folders or checkpoint folders, trained on the same split",
    )  # fmt: skip
    add_flags(parser, EnsembleConfig, without=("members",))


def _run(arguments: argparse.Namespace) -> int:
    config = validated(EnsembleConfig, given(arguments) | {"members": tuple(arguments.members)})
    from core.ensemble.make import make_ensemble

    with bar("Evaluating the members") as progress:
        made = make_ensemble(config, progress)
    for line in _lines(made):
        say(line)
    sys.stdout.write(f"{made.folder}\n")
    return 0


def _lines(made: "SavedEnsemble") -> Iterator[str]:
    """Weights and validation figures of the members and of the ensemble."""
    yield f"weights: {made.about.rule}"
    rows = [(member.name, member.weight, member.metrics) for member in made.about.members]
    for name, weight, metrics in [*rows, ("ensemble", 1.0, made.card.metrics)]:
        figures = [
            text(metrics[key]) for key, text in _FIGURES.items() if metrics.get(key) is not None
        ]
        yield f"{name:<20} weight {weight:.3f}, {', '.join(figures)}"
    yield f"refined figures on the {made.about.photos:,} validation photos"
    yield from (f"note: {note}" for note in made.card.notes)


COMMAND = Command(
    "ensemble",
    "RUN RUN... --out DIR [--weights RULE] [--agree-m METRES]",
    "Combine several runs of one split into one model, weighted on their validation photos.",
    (
        "python -m core ensemble runs/a runs/b runs/c --out checkpoints/three",
        "python -m core ensemble runs/a runs/b --out checkpoints/two --weights softmax",
        "python -m core ensemble runs/a runs/b --out checkpoints/two --weights fitted --agree-m 15",
        "python -m core evaluate checkpoints/three data/demo   # like any other model",
    ),
    _add,
    _run,
)
