"""Pieces of a recipe, and plans that are made of them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Piece:
    """Something that a recipe has or has not.

    Attributes:
        name: Short.
        on: Options of `train` that switch it on.
        off: Options that switch it off, where the default has it.
        full: Whether the full recipe has it; else it is only added to the base.
        needs: Pieces that it is nothing without: they come with it, and it goes with them.
    """

    name: str
    on: str
    off: str = ""
    full: bool = True
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A base and what is added to it and taken away.

    Attributes:
        common: Options that every variant has, baselines included.
        pieces: Each is added to the base, and taken from the full recipe if that has it.
        more: Further variants: names and options, on top of `common`.
    """

    common: str
    pieces: tuple[Piece, ...]
    more: tuple[tuple[str, str], ...] = ()
