"""The labels that a photo may have, and in what order they are named."""

import re
from collections.abc import Collection, Sequence
from typing import Literal, get_args

Label = Literal["position", "heading", "region"]
LABELS: tuple[Label, ...] = get_args(Label)
PLURALS: dict[Label, str] = {"position": "positions", "heading": "headings", "region": "regions"}
INTEGER_REGION = re.compile(r"[+-]?\d{1,15}")
"""Region ids that are written as integers."""


def listed(labels: Collection[Label], last_word: str = "and") -> str:
    """Return labels as a list in words: `positions, headings and regions`."""
    *first, last = [PLURALS[label] for label in LABELS if label in labels]
    return f"{', '.join(first)} {last_word} {last}" if first else last


def absent(labels: Collection[Label]) -> tuple[Label, ...]:
    """Return the labels that are not among `labels`."""
    return tuple(label for label in LABELS if label not in labels)


def without(labels: Collection[Label]) -> str:
    """Return the labels that are not among `labels` in words: `no headings and no regions`."""
    return " and ".join(f"no {PLURALS[label]}" for label in absent(labels))


def absence_note(labels: Collection[Label]) -> tuple[str, ...]:
    """Return the sentence that says what a model of `labels` does not predict; none if all."""
    if not absent(labels):
        return ()
    return (f"This model predicts {without(labels)}: its training photos have none.",)


def written_regions(values: Sequence[str], regions: Sequence[str]) -> list[int] | list[str]:
    """Write region ids as the label file did: integers where all `regions` are, else text."""
    if all(INTEGER_REGION.fullmatch(region) for region in regions):
        return [int(value) for value in values]
    return list(values)
