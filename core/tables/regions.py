"""Region names as text: placeholders are no region, and one name is written in one way."""

import re
import unicodedata

import pandas as pd

from core.tables.numbers import PLACEHOLDERS

_HIDDEN = re.compile("[\u200b\u200c\u200d\u2060\ufeff\u00ad]")


def region_ids(text: pd.Series) -> pd.Series:
    """Write region ids in one way: `7`, `07` and `7.0` are region `7`; text stays as it is."""
    whole = text.str.fullmatch(r"[+-]?\d{1,15}(\.0*)?")
    plain = text.copy()
    plain[whole] = text[whole].map(lambda value: str(int(float(value))))
    return plain


def folded(name: str) -> str:
    """One name in one way: composed letters, single blanks, no hidden signs."""
    text = _HIDDEN.sub("", unicodedata.normalize("NFC", name))
    return " ".join(text.split())


def read_regions(
    text: pd.Series, real: frozenset[str] = frozenset(), join_case: bool = False
) -> tuple[pd.Series, list[str]]:
    """Read region ids `(n,)`; `""` for no region.

    Args:
        text: As the file has them.
        real: Ids that are regions even if they look like placeholders.
        join_case: Whether names that differ only in case are one region: the most frequent one.

    Returns:
        The ids, and notes on placeholders, folded names and names that differ only in case.
    """
    stripped = text.str.strip()
    names = {name: folded(name) for name in stripped.unique()}
    clean = stripped.map(names)
    notes = []
    # Blanks at the ends were never part of a name.
    changed = {old: new for old, new in names.items() if old.strip(" ") != new}
    if changed:
        shown = ", ".join(f"{old!r} is {new!r}" for old, new in list(changed.items())[:3])
        notes.append(f"{len(changed):,} region names were written in one way: {shown}")
    absent = clean.str.lower().isin(PLACEHOLDERS) & ~clean.isin(real)
    hidden = clean[absent & (clean != "")].value_counts()
    if len(hidden):
        shown = ", ".join(f"{name!r} ({count:,} rows)" for name, count in hidden.items())
        notes.append(
            f"{int(hidden.sum()):,} rows have a placeholder for a region and count as without one: "
            f"{shown}. A region of that name needs a line under [regions] in campus.toml"
        )
    kept = clean.mask(absent, "")
    ids = region_ids(kept)
    joined, case_notes = _cases(ids, join_case)
    return joined, [*notes, *_numbers(kept, ids), *case_notes]


def _numbers(names: pd.Series, ids: pd.Series) -> list[str]:
    """Report numbers that are written in several ways, such as 001 and 1; `1.0` is a program's."""
    bare = names.str.replace(r"(?<=\d)\.0*$", "", regex=True)
    written = pd.DataFrame({"name": bare, "id": ids}).drop_duplicates()
    several = written[written["id"].duplicated(keep=False) & (written["id"] != "")]
    shown = [f"{' / '.join(group['name'])} is region {id}" for id, group in several.groupby("id")]
    if not shown:
        return []
    return [f"region numbers written in several ways were joined: {'; '.join(shown[:3])}"]


def _cases(ids: pd.Series, join: bool) -> tuple[pd.Series, list[str]]:
    """Report regions that differ only in case, and join them if asked."""
    counts = ids[ids != ""].value_counts()
    groups: dict[str, list[str]] = {}
    for name in counts.index:
        groups.setdefault(str(name).casefold(), []).append(str(name))
    variants = [names for names in groups.values() if len(names) > 1]
    if not variants:
        return ids, []
    shown = ", ".join(" / ".join(names) for names in variants[:3])
    if not join:
        return ids, [
            f"regions differ only in case: {shown}; join_case = true above all [sections] of "
            "campus.toml makes each one region"
        ]
    first = {name: names[0] for names in variants for name in names}
    return ids.replace(first), [f"regions that differ only in case were joined: {shown}"]
