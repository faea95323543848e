"""Headings out of range, 360, and coarse rounding."""

from collections.abc import Callable

import pandas as pd

from core.audit.findings import NOTATION_SCORE, Finding

Audited = Callable[..., list[Finding]]


def test_headings_out_of_range_are_taken_modulo_360(audited: Audited) -> None:
    found = {f.filename: f for f in audited({1: {"angle": "372"}, 2: {"angle": "-15"}})}
    assert {f.finding for f in found.values()} == {"heading_out_of_range"}
    assert found["img_0001.jpg"].proposal == "12"
    assert found["img_0002.jpg"].proposal == "345"


def test_360_is_a_notation_of_0(audited: Audited) -> None:
    (found,) = audited({1: {"angle": "360"}})
    assert (found.finding, found.proposal) == ("heading_360", "0")
    assert found.score <= NOTATION_SCORE


def test_a_file_that_writes_signed_headings_is_told_once(
    audited: Audited, labels: pd.DataFrame
) -> None:
    angles = {row: {"angle": str(int(labels.loc[row, "angle"]) - 360)} for row in range(0, 480, 3)}
    angles = {row: value for row, value in angles.items() if int(value["angle"]) >= -180}
    (found,) = audited(angles)
    assert (found.finding, found.filename, found.photo_id) == ("heading_signed", "labels.csv", "")


def test_rounding_is_told_of_the_file_not_of_every_row(
    audited: Audited, labels: pd.DataFrame
) -> None:
    rounded = {
        row: {"angle": str(int(labels.loc[row, "angle"]) // 10 * 10)} for row in range(0, 480, 2)
    }
    (found,) = audited(rounded)
    assert (found.finding, found.filename) == ("heading_rounding", "labels.csv")
