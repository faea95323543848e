"""The size of the code (files, lines, importers, options), beside the aims of its design.

python -m benchmarks.house [ROOT]
"""

import argparse
import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_TITLE = "Print files, lines, importers and options of the code, beside the aims of its design."
HERE = Path(__file__).resolve().parents[1]
FOLDERS = ("core", "app", "pages", "benchmarks", "tests")
# Lines and files by the design; None: no aim.
AIMS: dict[str, tuple[int | None, int | None]] = {
    "core": (28_000, 165),
    "app": (8_000, 55),
    "pages": (None, None),
    "benchmarks": (None, None),
    "tests": (None, None),
}
MOST_FILE_LINES = 600
MOST_FUNCTION_LINES = 60
SINGLE_IMPORTER_SHARE = 0.12
MOST_OPTIONS = 70
COUNTED_COMMANDS = ("train", "tune")


@dataclass(frozen=True)
class Module:
    """A Python file: its name, its size, its largest function and what it imports."""

    name: str
    lines: int
    function: str
    function_lines: int
    imports: frozenset[str]
    package: bool
    entry: bool

    @property
    def room(self) -> str:
        """The folder it counts towards, at most two levels deep."""
        parts = self.name.split(".")
        return ".".join(parts[:2]) if len(parts) > 2 or self.package else parts[0]


def read_modules(root: Path) -> list[Module]:
    """Read every Python file of the five folders."""
    paths = sorted(path for folder in FOLDERS for path in (root / folder).rglob("*.py"))
    names = {_name(root, path) for path in paths}
    return [_read(root, path, names) for path in paths]


def _name(root: Path, path: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _read(root: Path, path: Path, names: set[str]) -> Module:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text, filename=str(path))
    functions = [
        (node.end_lineno - node.lineno + 1, node.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
    ]
    lines, function = max(functions, default=(0, ""))
    imports = {target for name in _imported(tree) if (target := _module(name, names))}
    entry = (
        path.name in {"__init__.py", "__main__.py", "Home.py"} or '__name__ == "__main__"' in text
    )
    return Module(
        _name(root, path),
        text.count("\n"),
        function,
        lines,
        frozenset(imports),
        package=path.name == "__init__.py",
        entry=entry,
    )


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _module(name: str, names: set[str]) -> str | None:
    """The module that a dotted name is or lies in."""
    for candidate in (name, name.rpartition(".")[0]):
        if candidate in names:
            return candidate
    return None


def single_importers(modules: list[Module]) -> set[str]:
    """Modules that exactly one other module of core, app, pages or benchmarks imports.

    Packages, entry points and pages count as neither: they are there to be imported or started.
    """
    importers: dict[str, set[str]] = defaultdict(set)
    for module in modules:
        if not module.name.startswith("tests"):
            for name in module.imports - {module.name}:
                importers[name].add(module.name)
    return {each.name for each in inner(modules) if len(importers[each.name]) == 1}


def inner(modules: list[Module]) -> list[Module]:
    """The modules of core and app that are neither packages nor entry points."""
    return [
        each for each in modules if each.name.split(".")[0] in {"core", "app"} and not each.entry
    ]


def count_options(root: Path, command: str) -> int:
    """How many options `python -m core COMMAND --help` lists, help itself aside."""
    words = [sys.executable, "-m", "core", command, "--help"]
    shown = subprocess.run(words, cwd=root, capture_output=True, text=True, check=True)
    return len(re.findall(r"(?m)^  --(?!help\b)", shown.stdout))


def report(root: Path) -> Iterator[str]:
    """The table, a line at a time."""
    modules = read_modules(root)
    singles, counted = single_importers(modules), inner(modules)
    yield f"{'':24}{'lines':>8}{'files':>7}{'single importer':>17}   aim"
    for folder in FOLDERS:
        rooms = sorted({each.room for each in modules if each.room.split(".")[0] == folder})
        whole = [each for each in modules if each.name.split(".")[0] == folder]
        lines, files = AIMS[folder]
        aim = f"{lines:,} lines, {files} files" if lines else ""
        yield f"{_row(folder, whole, singles, counted)}   {aim}".rstrip()
        if len(rooms) > 1 and folder in {"core", "app"}:
            for room in rooms:
                some = [each for each in modules if each.room == room]
                yield _row(
                    f"  {room}" + (" (files)" if room == folder else ""), some, singles, counted
                )
    yield _row("all", modules, singles, counted)
    share = len(singles) / max(1, len(counted))
    yield f"single importer: {share:.1%} of core and app (aim under {SINGLE_IMPORTER_SHARE:.0%})"
    for command in COUNTED_COMMANDS:
        yield f"options of {command}: {count_options(root, command)} (aim at most {MOST_OPTIONS})"
    code = [each for each in modules if not each.name.startswith("tests")]
    file = max(code, key=lambda each: each.lines)
    yield f"largest file: {file.name}, {file.lines} lines (aim at most {MOST_FILE_LINES})"
    long = max(code, key=lambda each: each.function_lines)
    yield (
        f"longest function: {long.name}.{long.function}, {long.function_lines} lines "
        f"(aim at most {MOST_FUNCTION_LINES})"
    )


def _row(title: str, some: list[Module], singles: set[str], counted: list[Module]) -> str:
    names = {each.name for each in some}
    of = [each for each in counted if each.name in names]
    share = f"{sum(each.name in singles for each in of)} of {len(of)}" if of else ""
    return f"{title:24}{sum(each.lines for each in some):>8,}{len(some):>7}{share:>17}".rstrip()


def main(words: Sequence[str] | None = None) -> int:
    """Write the table of a working tree; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.house", description=_TITLE)
    parser.add_argument(
        "root", nargs="?", type=Path, default=HERE, metavar="ROOT",
        help="Working tree of Bearings (default: this one), to compare two versions",
    )  # fmt: skip
    root = parser.parse_args(words).root.resolve()
    if not (root / "core" / "__main__.py").is_file():
        parser.error(f"{root} is no working tree of Bearings: it has no core/__main__.py")
    for line in report(root):
        sys.stdout.write(f"{line}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
