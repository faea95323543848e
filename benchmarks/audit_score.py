"""How an audit's findings compare with the faults that were planted."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.audit.findings import NOTATION_SCORE, Finding
from core.demo.faults import FAULTS_FILE, TWIN
from core.geo import heading_error_deg

# Planted faults whose finding has another name, or may have several.
NAMES = {
    "region": {"region_neighbours"},
    "outside_campus": {"outside_campus", "isolated"},
    "off_walk": {"off_walk", "isolated"},
    "duplicate_photo": {"duplicate_photo", "near_duplicate_photo"},
}
_POSITION = {"latitude", "longitude", "position"}
PLACED_M = 10.0
TURNED_DEG = 20.0


@dataclass(frozen=True)
class Planted:
    """A planted fault: the true values by column, and how far the label was moved."""

    filename: str
    fault: str
    true: dict[str, str]
    moved_m: float
    twin: str = ""

    @property
    def names(self) -> set[str]:
        """The findings that call it by its name."""
        return NAMES.get(self.fault, {self.fault})


def read_planted(folder: Path) -> dict[str, Planted]:
    """Planted faults of a demo folder by file name."""
    found: dict[str, Planted] = {}
    with (folder / FAULTS_FILE).open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            before = found.get(row["filename"])
            true = (before.true if before else {}) | {row["column"]: row["true"]}
            found[row["filename"]] = Planted(
                row["filename"],
                row["fault"],
                true,
                float(row["moved_m"]),
                row["written"] if row["fault"] == "duplicate_photo" else "",
            )
    return found


def recall_rows(
    planted: dict[str, Planted], findings: Sequence[Finding], truth: dict[str, dict[str, str]]
) -> Iterator[list[str]]:
    """For each fault: planted, found at all, called by its name, and put right by the proposal."""
    yield ["planted", "n", "found", "named", "proposed", "right"]
    by_file = _by_file(findings)
    for fault in dict.fromkeys(each.fault for each in planted.values()):
        if fault == TWIN:
            continue
        own = [each for each in planted.values() if each.fault == fault]
        # Of two photos that are one, either may be named.
        told = [by_file.get(p.filename, []) + by_file.get(p.twin, []) for p in own]
        named = [
            [f for f in found if f.finding in p.names] for p, found in zip(own, told, strict=True)
        ]
        # What a reader sees first: the finding by the right name, or else the surest.
        first = [(n or found)[:1] for n, found in zip(named, told, strict=True)]
        offers = [(p, f[0]) for p, f in zip(own, first, strict=True) if f and f[0].proposal]
        right = sum(_is_right(f, p, truth[p.filename]) for p, f in offers)
        cells = (sum(map(bool, told)), sum(map(bool, named)), len(offers), right)
        yield [fault, str(len(own)), *(str(cell) for cell in cells)]


def precision_rows(planted: dict[str, Planted], findings: Sequence[Finding]) -> Iterator[list[str]]:
    """For each kind of finding: how many, on rows with a fault at all, and with this very fault."""
    yield ["finding", "n", "any fault", "this fault", "precision"]
    for kind in dict.fromkeys(f.finding for f in findings):
        own = [f for f in findings if f.finding == kind and f.photo_id]
        faulty = sum(f.filename in planted for f in own)
        exact = sum(f.filename in planted and kind in planted[f.filename].names for f in own)
        if own:
            cells = (len(own), faulty, exact)
            yield [kind, *(str(cell) for cell in cells), f"{faulty / len(own):.2f}"]


def accused(
    findings: Sequence[Finding], clean: set[str], least: float = NOTATION_SCORE
) -> set[str]:
    """Clean rows with a finding that doubts a value as it is read."""
    return {f.filename for f in findings if f.photo_id and f.score > least} & clean


def _by_file(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    """Findings about single rows by file name, the surest first."""
    by_file: dict[str, list[Finding]] = {}
    for found in sorted(findings, key=lambda each: -each.score):
        if found.photo_id:
            by_file.setdefault(found.filename, []).append(found)
    return by_file


def _is_right(found: Finding, planted: Planted, label: dict[str, str]) -> bool:
    """Whether the proposal gives the label back: to 10 m, 20 degrees or the letter."""
    if found.column not in _POSITION:
        true = planted.true.get(found.column, label.get(found.column, ""))
        if found.column == "angle" and found.proposal and true:
            return bool(heading_error_deg(float(found.proposal), float(true)) <= TURNED_DEG)
        return _same(found.proposal, true)
    pair = dict(zip(("latitude", "longitude"), found.proposal.split(), strict=False))
    proposed = pair if found.column == "position" else {found.column: found.proposal}
    try:
        apart = np.array(
            [float((label | proposed)[name]) - float((label | planted.true)[name])
             for name in ("latitude", "longitude")]
        )  # fmt: skip
    except ValueError:
        return False
    return bool(np.hypot(*apart) * 111_195.0 <= PLACED_M)


def _same(first: str, second: str) -> bool:
    try:
        return float(first) == float(second)
    except ValueError:
        return first.strip() == second.strip()
