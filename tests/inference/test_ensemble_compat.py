"""Members that cannot answer together are refused by name."""

from typing import Any

import pytest

from core.errors import ConfigError
from core.geo import CoordinateFrame
from core.inference.ensemble_compat import check_compatible
from core.model.card import Card, SplitCard, read_card

OTHER_SPLIT = SplitCard(protocol="random", seed=3, hash="f" * 64)


@pytest.fixture
def card(checkpoint: Any) -> Card:  # noqa: ANN401 - a path
    return read_card(checkpoint)


def kin(card: Card, **changes: Any) -> list[tuple[str, Card]]:  # noqa: ANN401 - any field
    """Three members, of which runs/b differs."""
    odd = card.model_copy(update={"weights": "model-b.safetensors"} | changes)
    third = card.model_copy(update={"weights": "model-c.safetensors"})
    return [("runs/a", card), ("runs/b", odd), ("runs/c", third)]


def test_three_networks_of_one_split_fit(card: Card) -> None:
    check_compatible(kin(card))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"regions": ("1", "2")}, ["2 regions (1, 2)", "4 regions (1, 2, 3, 4)"]),
        ({"frame": CoordinateFrame("planar_metres")}, ["planar_metres", "the frame degrees"]),
        ({"split": OTHER_SPLIT}, ["split random ffffffffffff", "the others on split spot"]),
        ({"demo_seed": 8}, ["seed 8"]),
        (
            {"labels": ("position", "region")},
            ["predicts positions and regions", "the others predicts positions, headings and"],
        ),
        (
            {"region_centres": ((17.5, 78.5),) * 4},
            ["made from positions (the first about 17.5, 78.5)", "regions of the labels"],
        ),
        ({"origin": (17.0, 78.0)}, ["origin (17.0, 78.0)"]),
    ],
)
def test_what_does_not_fit_is_named(card: Card, changes: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ConfigError, match="member runs/b") as found:
        check_compatible(kin(card, **changes))
    for word in words:
        assert word in str(found.value)
    assert "runs/a" not in str(found.value)


def test_of_two_both_are_named(card: Card) -> None:
    with pytest.raises(ConfigError, match=r"member runs/b .* runs/a on split spot"):
        check_compatible(kin(card, split=OTHER_SPLIT)[:2])


def test_one_is_no_ensemble(card: Card) -> None:
    with pytest.raises(ConfigError, match="at least two members, got 1"):
        check_compatible([("runs/a", card)])


def test_a_copy_adds_nothing(card: Card) -> None:
    with pytest.raises(ConfigError, match="runs/a and runs/b are the same network"):
        check_compatible([("runs/a", card), ("runs/b", card)])
