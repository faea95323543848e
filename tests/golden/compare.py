"""Comparison with the stored files, or, with UPDATE_GOLDEN=1, writing them anew."""

import csv
import io
import json
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

STORED = Path(__file__).parent / "stored"
COMMAND = 'UPDATE_GOLDEN=1 python -m pytest tests/golden -m ""'
UPDATE = bool(os.environ.get("UPDATE_GOLDEN"))
MOST_SHOWN = 20
DEGREES = re.compile(r"latitude|longitude|coordinates")


def arithmetic() -> dict[str, Any]:
    """What decides the last digits of a float: packages, and instructions of the processor."""
    import cv2
    import numpy as np
    import PIL
    import torch
    from numpy._core._multiarray_umath import __cpu_features__ as features

    return {
        "numpy": np.__version__,
        "numpy instructions": sorted(name for name, there in features.items() if there),
        "opencv": cv2.__version__,
        "opencv instructions": cv2.getCPUFeaturesLine(),
        "pillow": PIL.__version__,
        "torch": torch.__version__,
        "torch instructions": torch.backends.cpu.get_cpu_capability(),
        "switched off": os.environ.get("OPENCV_CPU_DISABLE", ""),
    }


def check_text(name: str, text: str) -> None:
    """Compare a text with the stored one, exactly."""
    path = STORED / name
    if UPDATE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return
    assert path.is_file(), f"{path} is missing: {COMMAND}"
    old, new = path.read_text(encoding="utf-8").splitlines(), text.splitlines()
    if old != new:
        import difflib

        lines = list(difflib.unified_diff(old, new, f"stored/{name}", "now", lineterm="", n=1))
        _fail(name, lines)


def check_json(name: str, value: Any, loose: bool = False) -> None:  # noqa: ANN401 - any JSON
    """Compare JSON with the stored one: floats by tolerance, everything else exactly.

    Args:
        name: The stored file.
        value: What is written today.
        loose: Whether the numbers were made by another kind of processor.
    """
    path = STORED / name
    if UPDATE:
        text = json.dumps(value, indent=1, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")
        return
    lines = list(differences(json.loads(path.read_text(encoding="utf-8")), value, loose=loose))
    if lines:
        _fail(name, lines)


def differences(old: Any, new: Any, where: str = "", *, loose: bool = False) -> Iterator[str]:  # noqa: ANN401
    """Where two JSON values differ, a line each; keys may come in any order."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in old.keys() | new.keys():
            here = f"{where}.{key}"
            if key not in old or key not in new:
                yield f"{here}: {'new' if key in new else 'gone'}"
            else:
                yield from differences(old[key], new[key], here, loose=loose)
    elif isinstance(old, list) and isinstance(new, list):
        if len(old) != len(new) and not loose:
            yield f"{where}: {len(old)} entries before, {len(new)} now"
        for number, (before, now) in enumerate(zip(old, new, strict=False)):
            yield from differences(before, now, f"{where}[{number}]", loose=loose)
    elif _number(old) and _number(new):
        if where.endswith(".distance"):
            # Near 0 the root of 2 - 2 cosine magnifies the cosine's rounding a thousandfold.
            old, new = old**2 / 2.0, new**2 / 2.0
        if not close(old, new, loose=loose, degrees=bool(DEGREES.search(where))):
            yield f"{where}: {old} before, {new} now"
    elif type(old) is not type(new) or (old != new and not loose):
        yield f"{where}: {old!r} before, {new!r} now"


def close(old: float, new: float, *, loose: bool = False, degrees: bool = False) -> bool:
    """Whether two numbers are the same but for the processor's rounding.

    A share of a degree of latitude would be a share of the way to the equator: `degrees` are
    compared to 5e-7, about 5 cm.
    """
    if degrees:
        return math.isclose(old, new, rel_tol=0.0, abs_tol=2e-3 if loose else 5e-7)
    if loose:
        # Shares, figures of small groups, and counts of single photos move by this much.
        return math.isclose(old, new, rel_tol=0.15, abs_tol=5.0 if abs(old) > 1.0 else 0.15)
    if isinstance(old, int) and isinstance(new, int):
        return old == new
    return math.isclose(old, new, rel_tol=1e-4, abs_tol=2e-6) or (
        math.isnan(old) and math.isnan(new)
    )


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def check_table(name: str, text: str, loose: bool = False) -> None:
    """Compare a CSV with the stored one: header and order of rows exactly, cells as in JSON.

    Loosely, nine rows in ten must have every number within 5 % or one unit, and lists of names
    may be others.
    """
    if UPDATE:
        (STORED / name).write_text(text, encoding="utf-8")
        return
    old = list(csv.reader(io.StringIO((STORED / name).read_text(encoding="utf-8"))))
    new = list(csv.reader(io.StringIO(text)))
    assert new[0] == old[0], f"other columns than in {name}; if this is meant: {COMMAND}"
    assert [row[0] for row in new] == [row[0] for row in old], f"other rows than in {name}"
    lines, bad = [], set()
    for before, now in zip(old[1:], new[1:], strict=True):
        for column, was, shown in zip(old[0], before, now, strict=True):
            if not _same_cell(was, shown, loose, bool(DEGREES.search(column))):
                lines.append(f"{now[0]}, {column}: {was} before, {shown} now")
                bad.add(now[0])
    if len(bad) > (0.1 * len(old) if loose else 0):
        _fail(name, lines)


def _same_cell(old: str, new: str, loose: bool, degrees: bool) -> bool:
    if old == new:
        return True
    try:
        before, now = float(old), float(new)
    except ValueError:
        return loose and ";" in old  # a list of neighbours
    if loose and not degrees:
        return math.isclose(before, now, rel_tol=0.05, abs_tol=1.0)
    digits = max(len(text.partition(".")[2]) for text in (old, new))
    # Two units of the last digit that the cell shows; whole numbers are exact.
    last = 2.1 * 10.0**-digits if digits else 0.0
    return close(before, now, loose=loose, degrees=degrees) or abs(before - now) <= last


def _fail(name: str, lines: list[str]) -> None:
    more = f"\n... and {len(lines) - MOST_SHOWN} more" if len(lines) > MOST_SHOWN else ""
    shown = "\n".join(lines[:MOST_SHOWN])
    pytest.fail(f"{name} is not what is stored:\n{shown}{more}\nIf this is meant: {COMMAND}")
