"""Precision and recall of the audit on planted faults, and its figures on the course's labels.

    python -m benchmarks.audit [--demo DIR] [--photos N] [--seed S] [--faults RATE] [--labels CSV]

A demo campus with planted faults is rendered into DIR, unless it is there, and audited twice: as it
is, and without the columns that tell walks apart, as the course's label file has none. The label
file of the course, `labels_train_without_images.csv`, is named by --labels or by the environment
variable BEARINGS_REAL_LABELS; without it that part is skipped.
"""

import argparse
import csv
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.audit_score import accused, precision_rows, read_planted, recall_rows
from core.audit.findings import NOTATION_SCORE, Finding
from core.audit.positions import KINDS as POSITION_KINDS
from core.audit.rows import read_rows
from core.audit.run import audit
from core.audit.schema import AuditConfig
from core.cli.command import aligned
from core.demo.build import DemoConfig, build_demo
from core.geo import Floats

GROSS_UNITS = 4000.0
FIRST_PLAUSIBLE_MINUTE = 360.0


def main() -> None:
    """Print both parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--demo", type=Path, help="folder for the demo campus; none: a passing one")
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--faults", type=float, default=0.15)
    parser.add_argument("--labels", type=Path, default=os.environ.get("BEARINGS_REAL_LABELS"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as passing:
        folder = arguments.demo or Path(passing) / "demo"
        build_demo(
            DemoConfig(
                out=folder, photos=arguments.photos, seed=arguments.seed, faults=arguments.faults
            )
        )
        for line in _demo_part(folder):
            print(line)
    print()
    for line in _real_part(arguments.labels):
        print(line)


def _demo_part(folder: Path) -> Iterator[str]:
    planted = read_planted(folder)
    truth = _labels(folder)
    findings = audit(AuditConfig(dataset=folder)).findings
    yield f"Demo campus: {len(truth)} photos, {len(planted)} of them in {folder.name}/faults.csv\n"
    yield from aligned(list(recall_rows(planted, findings, truth)))
    yield ""
    yield from aligned(list(precision_rows(planted, findings)))
    yield _clean(findings, set(truth) - set(planted))
    yield "\nThe same labels without photos and without walks\n"
    with tempfile.TemporaryDirectory() as bare:
        table = pd.read_csv(folder / "labels.csv", dtype=str, keep_default_na=False)
        table.drop(columns=["walk", "visit"]).to_csv(Path(bare) / "labels.csv", index=False)
        (Path(bare) / "campus.toml").write_bytes((folder / "campus.toml").read_bytes())
        findings = audit(AuditConfig(dataset=Path(bare))).findings
    yield from aligned(list(recall_rows(planted, findings, truth)))
    yield _clean(findings, set(truth) - set(planted))


def _clean(findings: tuple[Finding, ...], clean: set[str]) -> str:
    wrongly = len(accused(findings, clean))
    return f"\nclean rows accused: {wrongly} of {len(clean)} ({wrongly / len(clean):.2%})"


def _labels(folder: Path) -> dict[str, dict[str, str]]:
    """Label rows by file name; of several rows of a photo, the first."""
    with (folder / "labels.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    return {row["filename"]: row for row in reversed(rows)}


def _real_part(labels: Path | str | None) -> Iterator[str]:
    """The figures that are promised for the course's own label file."""
    if not labels or not Path(labels).is_file():
        yield "Real labels: skipped, neither --labels nor BEARINGS_REAL_LABELS names a file"
        return
    rows = read_rows(labels)
    result = audit(AuditConfig(dataset=Path(labels), photos=False))
    names = rows.text["filename"].str.strip()
    gross = _far(rows.latitude) | _far(rows.longitude)
    sixties = _sexagesimal(rows.latitude, rows.longitude, gross)
    found = {kind: {f.filename: f for f in result.findings if f.finding == kind}
             for kind in result.by_kind}  # fmt: skip
    off = {f.filename for f in result.findings if f.finding in POSITION_KINDS}
    over, early = rows.heading_deg > 360, rows.minute < FIRST_PLAUSIBLE_MINUTE
    named = found.get("sexagesimal", {})
    right = sum(_decoded(f) for f in named.values())
    faulty = gross | (rows.heading_deg >= 360) | early
    written = set(names[~faulty]) - set(found.get("timestamp_format", {}))
    yield f"Real labels: {len(rows)} rows"
    yield from aligned([
        ["sexagesimal rows found", f"{len(set(names[sixties]) & set(named))} of {sixties.sum()}"],
        ["  with the right proposal", f"{right} of {len(named)}"],
        ["headings above 360", f"{len(found.get('heading_out_of_range', {}))} of {over.sum()}"],
        ["gross outliers", f"{len(set(names[gross]) & off)} of {gross.sum()}"],
        ["timestamps in another format", str(len(found.get("timestamp_format", {})))],
        ["hours before 6", f"{len(found.get('implausible_hour', {}))} of {early.sum()}"],
    ])  # fmt: skip
    for kind, own in found.items():
        doubted = [f for f in own.values() if f.filename in set(names[~faulty])]
        if doubted and max(f.score for f in doubted) > NOTATION_SCORE:
            yield f"  clean rows accused of {kind}: {len(doubted)}"
    yield _clean(result.findings, set(names[~faulty])).strip()
    yield f"of those also written as most are: {_clean(result.findings, written).strip()}"
    about = [f for f in result.findings if not f.photo_id]
    yield f"findings about the file, counted for no row: {len(about)}"


def _far(values: Floats) -> np.ndarray:
    return np.asarray(np.abs(values - np.median(values)) > GROSS_UNITS)


def _sexagesimal(latitude: Floats, longitude: Floats, gross: np.ndarray) -> np.ndarray:
    """The cluster that writes 17.2647... and 78.2055...: known from looking, not from the audit."""
    near = (np.abs(latitude - 38_300) < 200) & (longitude > 100) & (longitude < 300)
    return np.asarray(gross & near)


def _decoded(found: Finding) -> bool:
    """Whether a proposal is what degrees, minutes and seconds give, to a label unit."""
    origin = np.array([17.22655, 78.20545])
    typed = [f"{value:.6f}" for value in np.array(found.value.split(), float) * 1e-6 + origin]
    meant = [int(t[:2]) + int(t[3:5]) / 60 + int(t[5:]) / 360_000 for t in typed]
    labels = (np.array(meant) - origin) / 1e-6
    return bool((np.abs(labels - np.array(found.proposal.split(), float)) <= 1.0).all())


if __name__ == "__main__":
    main()
