"""Data frames as CSV files that no spreadsheet computes, and read back (`predictions.csv`)."""

import io
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from core.errors import BearingsError, reason
from core.files import read_regular, refusing
from core.tables.formulas import inert_cell, original_cell, quoting_of, raw_cell


def read_frame(
    path: Path,
    remedy: str,
    error: type[BearingsError],
    *,
    text: Collection[str] = (),
    numbers: Collection[str] = (),
    needed: Collection[str] = (),
    everything_text: bool = False,
) -> pd.DataFrame:
    """Read a CSV file with a header; only an empty cell is no value, as a region may be called NA.

    Args:
        path: The file.
        remedy: What its reader should do about damage.
        error: The class of the error that says so.
        text: Columns that are text even where they look like numbers.
        numbers: Columns that hold numbers, if they are there.
        needed: Columns that must be there.
        everything_text: Whether every column is text; empty cells are `""` then.

    Raises:
        error: It is missing, cannot be read, or lacks a column; or a column of numbers has others.
    """
    try:
        content = read_regular(path)
    except OSError as cause:
        raise error(f"{path} cannot be read ({reason(cause)}): {remedy}") from cause
    with refusing(path, remedy, error):
        table = pd.read_csv(
            io.BytesIO(content),
            dtype=str if everything_text else dict.fromkeys(text, str),
            keep_default_na=False,
            na_values=None if everything_text else [""],
            low_memory=False,
        )
    missing = sorted(set(needed) - set(table.columns))
    if missing:
        raise error(f"{path} lacks columns {', '.join(missing)}: {remedy}")
    wrong = [name for name in numbers if name in table and not _holds_numbers(table[name])]
    if wrong:
        raise error(f"{path} is damaged (no numbers in {', '.join(wrong)}): {remedy}")
    return original_frame(table)


def _holds_numbers(values: pd.Series) -> bool:
    """Whether all values of a column are finite numbers or absent."""
    if not is_numeric_dtype(values) or is_bool_dtype(values):
        return bool(values.isna().all())
    return not bool(np.isinf(values.to_numpy(float)).any())


def inert_csv(table: pd.DataFrame, *, raw: bool = False) -> str:
    """A data frame as the text of a CSV file, every cell as `inert_cell` or `raw_cell` has it."""
    cell = raw_cell if raw else inert_cell
    texts = {name: column.map(cell) for name, column in _text_columns(table)}
    quoting = quoting_of(value for column in texts.values() for value in column)
    written = table.assign(**texts).to_csv(index=False, lineterminator="\n", quoting=quoting)
    return str(written)


def original_frame(table: pd.DataFrame) -> pd.DataFrame:
    """A data frame that was read from such a file, with the texts that it was made of."""
    return table.assign(**{name: text.map(original_cell) for name, text in _text_columns(table)})


def _text_columns(table: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    for name in table.columns:
        column = table[name]
        if not is_numeric_dtype(column) and isinstance(name, str):
            yield name, column
