"""Region ids are text inside, in one stable order, and integers again in files where all are."""

import re
from collections.abc import Iterable, Sequence

_INTEGER = re.compile(r"[+-]?\d+")


def natural_order(regions: Iterable[str]) -> tuple[str, ...]:
    """Order distinct region ids: whole numbers by size, then text by its letters."""
    return tuple(sorted(set(regions), key=_key))


def written_regions(values: Sequence[str], regions: Sequence[str]) -> list[int] | list[str]:
    """Write region ids as the label file did: integers where all `regions` are, else text."""
    if all(_INTEGER.fullmatch(region) for region in regions):
        return [int(value) for value in values]
    return list(values)


def _key(region: str) -> tuple[bool, int, str]:
    number = _INTEGER.fullmatch(region)
    return (number is None, int(region) if number else 0, region)
