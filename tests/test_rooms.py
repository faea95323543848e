"""The law of the rooms and the bars of size, read from the code itself."""

import ast
import functools
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHELL = {"streamlit", "plotly", "pydeck", "app", "pages"}
TENSORS = {"torch", "torchvision", "timm", "captum"}
ARRAYS = {"numpy", "scipy", "sklearn", "cv2"}
UNSAFE = {"pickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"}
# What a schema, a run folder or a package's front door must not drag in: seconds, and memory.
HEAVY = TENSORS | {
    "accelerate", "cv2", "matplotlib", "pandas", "pyproj", "scipy", "sklearn", "streamlit",
    "tensorboard",
}  # fmt: skip
DRAWERS = {"utils", "util", "common", "helpers", "helper", "misc", "config", "constants"}
# jobs/ reads and writes what training writes, never its tensors.
JOBS_MAY_SEE = {f"core.training.{name}" for name in ("schema", "run_folder", "interrupt")}


@dataclass(frozen=True)
class Import:
    """One imported module, where it stands, and whether only a type checker sees it."""

    source: Path
    line: int
    name: str

    @property
    def package(self) -> str:
        """The first part of the dotted name."""
        return self.name.split(".")[0]

    def __str__(self) -> str:
        """Where to look, as a clickable line."""
        return f"{self.source.relative_to(ROOT)}:{self.line} imports {self.name}"


def sources(*folders: str) -> list[Path]:
    """The Python files under some folders of the project, in order."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def nodes(path: Path, *kinds: type[ast.AST]) -> list[Any]:
    """The nodes of some kinds in the syntax tree of a file, which is walked once a session."""
    by_kind = _nodes(path, path.stat().st_mtime_ns)
    return [node for kind in kinds for node in by_kind.get(kind, ())]


@functools.cache
def _nodes(path: Path, modified_ns: int) -> dict[type[ast.AST], list[ast.AST]]:
    by_kind: dict[type[ast.AST], list[ast.AST]] = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))):
        by_kind.setdefault(type(node), []).append(node)
    return by_kind


def calls(path: Path, name: str) -> list[ast.Call]:
    """The calls of a function by its dotted name."""
    last = name.rpartition(".")[2]
    return [
        node for node in nodes(path, ast.Call)
        if last == getattr(node.func, "attr", getattr(node.func, "id", None))
        and ast.unparse(node.func) == name
    ]  # fmt: skip


def module_name(path: Path) -> str:
    """`core/dataset/__init__.py` is `core.dataset`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_module(name: str) -> bool:
    """Whether a dotted name of this project is a file or a folder, not a thing inside one."""
    path = ROOT.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def imports(path: Path) -> Iterator[Import]:
    """Every import of a file, also those inside functions; `from core import geo` is core.geo."""
    for node in nodes(path, ast.Import):
        yield from (Import(path, node.lineno, alias.name) for alias in node.names)
    for node in nodes(path, ast.ImportFrom):
        assert node.level == 0, f"{path}:{node.lineno}: relative import"
        base = node.module or ""
        if base == "pickle" and {alias.name for alias in node.names} == {"UnpicklingError"}:
            # The error of torch.load with weights_only=True, to say it in plain words.
            continue
        for alias in node.names:
            inner = f"{base}.{alias.name}"
            yield Import(path, node.lineno, inner if is_module(inner) else base)


def breaches(folder: str, forbidden: set[str]) -> list[str]:
    """Imports of forbidden packages under a folder."""
    return [
        str(found) for path in sources(folder) for found in imports(path)
        if found.package in forbidden
    ]  # fmt: skip


def test_core_knows_no_shell() -> None:
    assert breaches("core", SHELL) == []


def test_app_knows_no_pages() -> None:
    assert breaches("app", {"pages"}) == []


def test_pages_compute_nothing() -> None:
    assert breaches("pages", TENSORS | ARRAYS | {"pages"}) == []


@pytest.mark.parametrize("folder", ["core", "app", "pages", "tests", "benchmarks"])
def test_nothing_is_ever_unpickled(folder: str) -> None:
    assert breaches(folder, UNSAFE) == []
    for path in sources(folder):
        for call in calls(path, "torch.load"):
            given = {word.arg: ast.unparse(word.value) for word in call.keywords}
            assert given.get("weights_only") == "True", f"{path}:{call.lineno}"


def room(name: str) -> str:
    """The room of a module of core: `core.dataset.labels` is in `dataset`."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else "core"


def table_of_rooms() -> dict[str, set[str]]:
    """What each room may import, from the table in docs/architecture.md, itself included.

    What a named room may import comes with it: whoever may see `inference` meets its `Dataset`.
    """
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+?)(?:/|\.py)` \|[^|]*\|([^|]*)\|$", text, re.MULTILINE)
    assert rows, "docs/architecture.md has no table of rooms"
    allowed: dict[str, set[str]] = {}
    for name, cell in rows:
        named = set(re.findall(r"\w+", re.sub(r"\(.*?\)", "", cell)))
        if named == {"all"}:
            named = set(allowed)
        assert named <= set(allowed), f"{name} may import {named}, which is not above it"
        allowed[name] = {name, "core", "errors"}.union(named, *(allowed[each] for each in named))
    return allowed


def test_every_room_of_core_imports_only_what_its_row_names() -> None:
    allowed = table_of_rooms()
    wrong = []
    for path in sources("core"):
        here = room(module_name(path))
        if here == "core":
            continue
        assert here in allowed, f"{here} is no room of docs/architecture.md"
        wrong += [
            str(found) for found in imports(path)
            if found.package == "core" and room(found.name) not in allowed[here]
        ]  # fmt: skip
    assert wrong == []


def table_of_app() -> dict[str, set[str]]:
    """What each room of the app may import, itself included, from its table in the same file."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `app/(\w+)` \|[^|]*\|([^|]*)\|$", text, re.MULTILINE)
    assert rows, "docs/architecture.md has no table of the app's rooms"
    allowed: dict[str, set[str]] = {}
    for name, cell in rows:
        named = set(re.findall(r"\w+", cell))
        assert named <= set(allowed), f"{name} may import {named}, which is not above it"
        allowed[name] = {name, "app"}.union(named, *(allowed[each] for each in named))
    return allowed


def test_every_room_of_the_app_imports_only_what_its_row_names() -> None:
    allowed = table_of_app()
    wrong = []
    for path in sources("app"):
        here = room(module_name(path))
        assert here in allowed or here == "core", f"{here} is no room of docs/architecture.md"
        wrong += [
            str(found) for found in imports(path)
            if found.package == "app" and room(found.name) not in allowed.get(here, set())
        ]  # fmt: skip
    assert wrong == []


def test_jobs_never_touch_the_tensors_of_training() -> None:
    seen = {found.name for path in sources("core/jobs") for found in imports(path)}
    assert {name for name in seen if name.startswith("core.training")} <= JOBS_MAY_SEE


def light_modules() -> list[str]:
    """Front doors of packages, schemas, the run folder, the jobs and the command line."""
    light = [
        path for path in sources("core")
        if path.stem in {"__init__", "schema", "run_folder", "__main__"}
        or path.parent.name in {"jobs", "cli"}
        or path.parent == ROOT / "core"
    ]  # fmt: skip
    return [module_name(path) for path in light]


def test_light_modules_import_no_heavy_package() -> None:
    code = (
        "import importlib, sys\n"
        f"for name in {light_modules()!r}:\n"
        "    importlib.import_module(name)\n"
        f"    loaded = {HEAVY!r} & set(sys.modules)\n"
        "    assert not loaded, f'{name} imports {loaded}'"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr.splitlines()[-1]


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Every function of a file with its number of lines, decorators left out."""
    for node in nodes(path, ast.FunctionDef, ast.AsyncFunctionDef):
        name = f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        yield name, node.end_lineno - node.lineno + 1


def test_files_hold_at_most_600_lines() -> None:
    lines = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in sources("core", "app", "pages", "benchmarks")
    }
    assert {name: count for name, count in lines.items() if count > 600} == {}


def test_functions_hold_at_most_60_lines() -> None:
    every = sources("core", "app", "pages", "benchmarks")
    lengths = dict(entry for path in every for entry in functions(path))
    assert {name: count for name, count in lengths.items() if count > 60} == {}


def test_pages_are_a_few_sentences() -> None:
    lines = {
        path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in sources("pages")
    }
    assert {name: count for name, count in lines.items() if count > 80} == {}


def test_environment_variables_are_named_in_one_place() -> None:
    named = {
        path.relative_to(ROOT).as_posix()
        for path in sources("core", "app", "pages")
        for node in nodes(path, ast.Constant)
        if str(node.value).startswith("BEARINGS_")
    }
    assert named == {"core/project.py"}


def test_no_drawers() -> None:
    assert [path for path in sources("core", "app", "pages", "tests") if path.stem in DRAWERS] == []


def test_tests_have_no_package_that_shadows_the_project() -> None:
    assert [path for path in sources("tests") if path.name == "__init__.py"] == []


def test_no_error_is_swallowed_and_nothing_is_left_to_do() -> None:
    found = []
    for path in sources("core", "app", "pages", "tests", "benchmarks"):
        for node in nodes(path, ast.ExceptHandler):
            caught = "" if node.type is None else ast.unparse(node.type)
            reraises = any(isinstance(inner, ast.Raise) for inner in node.body)
            broad = caught in {"", "Exception"} or (caught == "BaseException" and not reraises)
            found += [f"{path}:{node.lineno} except {caught}"] if broad else []
        found += [
            f"{path}:{number} {line.strip()}"
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
            if re.search(r"#.*\b(TO" r"DO|FIX" r"ME)\b", line)
        ]
    assert found == []


def test_only_the_command_line_prints() -> None:
    printing = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path in sources("core")
        if path.name != "__main__.py" and path.parent.name != "cli"
        for call in calls(path, "print")
    ]
    assert printing == []


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one file that breaks the law, to see that the law bites."""
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    path = tmp_path / "core" / "planted.py"
    path.parent.mkdir()
    return path


@pytest.mark.parametrize(
    "line",
    ["import streamlit", "from plotly import express", "def f():\n    import pydeck.bindings"],
)
def test_a_breach_is_found(planted: Path, line: str) -> None:
    planted.write_text(line)
    assert len(breaches("core", SHELL)) == 1


def test_every_picture_of_the_app_has_words_for_those_who_do_not_see_it() -> None:
    found = []
    for path in sources("app", "pages"):
        for node in nodes(path, ast.Call):
            if isinstance(node.func, ast.Attribute) and node.func.attr == "image":
                if "alt" not in {each.arg for each in node.keywords}:
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert found == []


# `:.1%}` and `{100 * share:.0f} %` are left to one function, `%{y:.0f} %` is plotly's; `100% ` is
# text without the space, and `100%;` is CSS.
_OWN_PERCENT = re.compile(r":\.\d%|(?<!%)\{[^{}]*f\} %|\d%(?=[ \"').,])(?! !important)")


def test_shares_are_written_by_one_function() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sources("app", "core", "pages")
        if path != ROOT / "core" / "amounts.py"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if _OWN_PERCENT.search(line)
    ]
    assert found == [], "use core.amounts.percent: `96.3 %`"


_THOUSANDS = re.compile(
    r" (?:(?:labelled|training|validation|calibration|gallery|nearest|empty) )?"
    r"(?:photos?|rows|positions|headings|repairs|names|files)\b"
)
# Variables that hold a word; and lengths of arrays, in messages to who writes code.
_OTHERS = {
    "folder",
    "kind",
    "named",
    "part",
    "path",
    "FORMATS_TEXT",
    "MANIFEST",
    "n",
    "m",
    "self.n",
}


def test_counts_of_photos_and_rows_have_their_commas() -> None:
    assert _bare_counts(*sources("app", "core", "pages")) == [], "`{photos:,} photos`, or `counted`"


def _bare_counts(*paths: Path) -> list[str]:
    """Numbers in texts that are followed by what they count and are formatted without commas."""
    found = []
    for path in paths:
        for text in nodes(path, ast.JoinedStr):
            for value, after in pairwise(text.values):
                if not isinstance(value, ast.FormattedValue) or value.format_spec is not None:
                    continue
                shown = ast.unparse(value.value)
                if shown in _OTHERS or re.match(r"(?!len|int)\w+\(|'", shown):
                    continue
                if isinstance(after, ast.Constant) and _THOUSANDS.match(after.value):
                    found.append(f"{path.relative_to(ROOT)}:{value.lineno} {{{shown}}}")
    return found


@pytest.mark.parametrize("number", ["{len(rows)}", "{photos}", "{report.n}"])
def test_a_count_without_commas_is_found(planted: Path, number: str) -> None:
    planted.write_text(f"say(f'{number} photos', f'{{n:,}} rows', f'{{percent(n)}} photos')")
    assert len(_bare_counts(planted)) == 1
