"""Every trap of docs/correctness.md is guarded by a test, and every marker is listed there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def listed_traps(text: str) -> list[str]:
    """The first column of the table, without its two header rows."""
    rows = re.findall(r"^\| (.+?) \| .+ \|$", text, re.MULTILINE)
    return [name for name in rows if name != "trap"]


def marked_traps(source: str) -> Iterator[str]:
    """The name in each `@pytest.mark.trap(name=...)` on a test function of a file."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test_"):
            continue
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).endswith(".trap"):
                (name,) = decorator.keywords
                assert name.arg == "name"
                assert isinstance(name.value, ast.Constant)
                yield str(name.value.value)


def test_every_trap_has_a_test_and_every_marker_a_trap() -> None:
    listed = listed_traps((ROOT / "docs" / "correctness.md").read_text(encoding="utf-8"))
    marked = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in marked_traps(path.read_text(encoding="utf-8"))
    }
    assert len(listed) == len(set(listed)) >= 40
    assert set(listed) == marked


def test_a_marker_is_read_from_a_test_only() -> None:
    source = (
        '@pytest.mark.trap(name="a")\ndef test_x(): ...\n@pytest.mark.slow\ndef test_y(): ...\n'
    )
    assert list(marked_traps(source)) == ["a"]
    assert list(marked_traps('@pytest.mark.trap(name="a")\ndef helper(): ...\n')) == []
