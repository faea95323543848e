"""Single runs of an ablation: which options, which folder, and whether it is done."""

import argparse
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from benchmarks.ablation.plan import Variant
from core.cli.flags import add_flags, given, validated
from core.cli.train import SHORT
from core.options import merged, result_options
from core.training.schema import TrainConfig


@dataclass(frozen=True)
class Protocol:
    """On which split all variants are judged; `folds` of 0 means its one test part."""

    split: str
    seed: int = 0
    folds: int = 0


@dataclass(frozen=True)
class Task:
    """A variant trained with one seed on one split or fold.

    Attributes:
        variant: What is trained.
        seed: Of the network; the split's stays.
        fold: Number of the fold; None without folds.
        config: Every option.
    """

    variant: Variant
    seed: int
    fold: int | None
    config: TrainConfig

    @property
    def key(self) -> str:
        """Name of its folder: other options are another run."""
        return self.config.run.name

    @property
    def report(self) -> Path:
        """Folder of its report."""
        own = self.variant.kind == "train"
        return self.config.run / "reports" / "test" if own else self.config.run

    @property
    def is_done(self) -> bool:
        """Whether it was judged; reports are written last."""
        return (self.report / "report.json").is_file()


def tasks(
    variants: Sequence[Variant],
    seeds: Sequence[int],
    protocol: Protocol,
    dataset: Path,
    out: Path,
    threads: int,
) -> Iterator[Task]:
    """Every run, seed by seed: a table of all variants is there after the first seed."""
    folds: list[int | None] = list(range(protocol.folds)) or [None]
    for seed, variant, fold in product(seeds, variants, folds):
        config = _config(variant, seed, protocol, fold)
        config = config.model_copy(update={"dataset": dataset, "threads": threads})
        name = _name(variant, seed, protocol, fold, config)
        yield Task(variant, seed, fold, config.model_copy(update={"run": out / "runs" / name}))


def _config(variant: Variant, seed: int, protocol: Protocol, fold: int | None) -> TrainConfig:
    split: dict[str, object] = {"protocol": protocol.split, "seed": protocol.seed}
    if fold is not None:
        split |= {"fold": fold, "folds": protocol.folds}
    decided = {"dataset": "-", "run": "-", "seed": seed, "split": split}
    return validated(TrainConfig, merged(parsed(variant.words), decided), SHORT)


def parsed(words: Sequence[str]) -> dict[str, object]:
    """Options of `train` as the nested mapping that its schema validates."""
    parser = argparse.ArgumentParser("a variant's options", add_help=False, allow_abbrev=False)
    add_flags(parser, TrainConfig, short=SHORT, without=("dataset", "run", "command"))
    return given(parser.parse_args(list(words)))


def _name(
    variant: Variant, seed: int, protocol: Protocol, fold: int | None, config: TrainConfig
) -> str:
    content = json.dumps(result_options(config), sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()[:8]
    short = "-".join(variant.name.replace("+", "with").replace(" - ", " without ").split())
    part = "" if fold is None else f"-f{fold}of{protocol.folds}"
    return f"{short}-{protocol.split}-s{seed}{part}-{digest}"
