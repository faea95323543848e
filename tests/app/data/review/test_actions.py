from pathlib import Path

import pytest

from app.data.review.actions import checked
from core.audit.rows import LabelRows, read_rows
from core.errors import ConfigError


@pytest.fixture(scope="module")
def rows(shared_campus: Path) -> LabelRows:
    return read_rows(shared_campus)


@pytest.mark.parametrize(
    ("column", "text", "words"),
    [
        ("angle", "north", "not a heading"),
        ("angle", "360", "not a heading"),
        ("angle", "-1", "not a heading"),
        ("Region_ID", "9", "choose one of 1, 2, 3, 4"),
        ("timestamp", "noon", "no time of day"),
        ("latitude", "17,44", "is not a latitude"),
        ("latitude", "71.445", "is .* from the centre of the campus"),
        ("position", "17.445", "is not a pair of latitude and longitude"),
        ("position", "17.445 north", "is not a pair of latitude and longitude"),
        ("position", "78.349 17.445", "is .* from the centre"),
    ],
)
def test_a_value_that_cannot_be_is_refused(
    rows: LabelRows, column: str, text: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        checked(rows, 0, column, text)


@pytest.mark.parametrize(
    ("column", "text", "written"),
    [
        ("angle", " 359.9 ", "359.9"),
        ("Region_ID", "03", "03"),
        ("timestamp", "3:05 PM", "3:05 PM"),
        ("longitude", "78.3491", "78.3491"),
        ("position", "17.4451,  78.3491", "17.4451 78.3491"),
        ("angle", "  ", ""),
    ],
)
def test_a_value_that_can_be_is_kept(rows: LabelRows, column: str, text: str, written: str) -> None:
    assert checked(rows, 0, column, text) == written
