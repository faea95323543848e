"""The list of correctness traps stays true: its tests exist, and its breaks still fit the code."""

import ast
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
TRAPS: list[dict[str, Any]] = tomllib.loads(
    (ROOT / "tests" / "traps.toml").read_text(encoding="utf-8")
)["trap"]


def names_of(path: Path) -> set[str]:
    """The test functions of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("trap", TRAPS, ids=[trap["name"] for trap in TRAPS])
def test_a_trap_is_watched_and_can_be_broken(trap: dict[str, Any]) -> None:
    assert set(trap) == {"name", "handling", "tests", "file", "old", "new"}
    assert trap["tests"]
    for test in trap["tests"]:
        file, name = test.split("::")
        assert name in names_of(ROOT / file), f"{test} is gone: name the test that took its place"
    code = (ROOT / trap["file"]).read_text(encoding="utf-8")
    assert code.count(trap["old"]) == 1, f"{trap['file']} no longer has, once, {trap['old']!r}"
    broken = code.replace(trap["old"], trap["new"])
    assert broken != code
    ast.parse(broken)


def test_every_trap_has_its_own_name() -> None:
    assert len({trap["name"] for trap in TRAPS}) == len(TRAPS)
