"""Which networks may answer together: same regions, same metres, same split, and no copies."""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

from core.errors import ConfigError
from core.geo import CoordinateFrame
from core.labels import listed
from core.model.card import Card

Named = Sequence[tuple[str, Card]]


class _Bond(NamedTuple):
    """A property that all members must share: how it is read and worded, and why it matters."""

    value: Callable[[Card], Hashable]
    verb: str
    words: Callable[[Card], str]
    remedy: str


_BONDS = (
    _Bond(
        lambda card: card.labels,
        "predicts",
        lambda card: listed(card.labels),
        "an ensemble averages what all of its members predict: train them on the same labels",
    ),
    _Bond(
        lambda card: card.frame,
        "has positions in",
        lambda card: f"the frame {_frame(card.frame)}",
        "their positions cannot be averaged",
    ),
    _Bond(
        lambda card: card.regions,
        "was trained on",
        lambda card: f"{len(card.regions):,} regions ({_listed(card.regions)})",
        "their probabilities cannot be averaged",
    ),
    _Bond(
        lambda card: card.region_centres,
        "was trained on",
        lambda card: f"regions {_origin_of_regions(card)}",
        "regions of the same name are different places: train them on the same data set with the "
        "same number of regions",
    ),
    _Bond(
        lambda card: card.split.hash,
        "was trained on",
        lambda card: f"split {card.split.protocol} {card.split.hash[:12]}",
        "what one was tested on another has learnt, so no photos could test them together: train "
        "them with the same split options on the same data set",
    ),
    _Bond(
        lambda card: card.demo_seed,
        "was trained on",
        lambda card: f"the demo campus of seed {card.demo_seed}",
        "these are different places",
    ),
    _Bond(
        lambda card: card.origin,
        "measures metres from",
        lambda card: f"the origin {card.origin}",
        "their labels are not the same: train them on the same data set",
    ),
)


def check_compatible(cards: Named) -> None:
    """Refuse members that cannot answer together, by name.

    Args:
        cards: The members' cards, with the names that the reader knows them by.

    Raises:
        ConfigError: Fewer than two, an ensemble among them, one network twice, or members of
            different labels, frames, regions, splits or origins.
    """
    if len(cards) < 2:
        raise ConfigError(
            f"an ensemble needs at least two members, got {len(cards)}: name two or more runs or "
            "checkpoints"
        )
    owners: dict[str, str] = {}
    for name, card in cards:
        if card.ensemble is not None:
            raise ConfigError(f"{name} is an ensemble itself: name its members one by one")
        if card.weights in owners:
            raise ConfigError(
                f"{owners[card.weights]} and {name} are the same network: an ensemble of copies "
                "answers as one of them, so name it once"
            )
        owners[card.weights] = name
    for bond in _BONDS:
        _check(bond, cards)


def _check(bond: _Bond, cards: Named) -> None:
    counts = Counter(bond.value(card) for _, card in cards)
    if len(counts) == 1:
        return
    usual = counts.most_common(1)[0][0]
    odd, other = next((name, card) for name, card in cards if bond.value(card) != usual)
    name, like = next((name, card) for name, card in cards if bond.value(card) == usual)
    alike = len(cards) > 2 and counts[usual] == len(cards) - 1
    raise ConfigError(
        f"member {odd} {bond.verb} {bond.words(other)}, {'the others' if alike else name} "
        f"{bond.verb.split()[-1]} {bond.words(like)}: {bond.remedy}"
    )


def _origin_of_regions(card: Card) -> str:
    if card.region_centres is None:
        return "of the labels"
    north, east = card.region_centres[0]
    return f"made from positions (the first about {north:g}, {east:g})"


def _frame(frame: CoordinateFrame) -> str:
    if frame.kind != "scaled_degrees":
        return frame.kind
    origin = f"{frame.origin_latitude:g}, {frame.origin_longitude:g}"
    return f"scaled_degrees (scale {frame.scale:g}, origin {origin})"


def _listed(regions: tuple[str, ...]) -> str:
    return ", ".join(regions[:8]) + (", ..." if len(regions) > 8 else "")
