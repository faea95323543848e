"""Which functions of core write, start or stop something, read from the code itself.

A function writes if it calls a primitive that does, or another function that writes. Calls are
followed by name: imported functions, functions of the same module, and methods whose name says
enough. What a class does in its methods counts for the method only.
"""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
Name = tuple[str, str]
_METHODS = {
    "unlink", "mkdir", "rmdir", "rmtree", "touch", "symlink_to", "hardlink_to", "write_text",
    "write_bytes", "Popen", "send_signal", "terminate", "kill", "killpg", "submit_job", "stop_job",
}  # fmt: skip
_CALLS = {
    "os.replace", "os.rename", "os.remove", "os.kill", "os.killpg", "shutil.copytree",
    "shutil.copy", "shutil.copy2", "shutil.copyfile", "shutil.move", "subprocess.run", "Popen",
}  # fmt: skip


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.AST) -> dict[str, Name]:
    """Local name -> module and name there; a module that is imported whole has no name."""
    found: dict[str, Name] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                here = alias.asname or alias.name
                whole = (ROOT / f"{inner.replace('.', '/')}.py").is_file()
                found[here] = (inner, "") if whole else (node.module, alias.name)
    return found


def called(node: ast.AST, names: dict[str, Name], module: str) -> Iterator[tuple[ast.Call, Name]]:
    """Every call below a node whose target is known: its module and name; `""` for a method."""
    for call in ast.walk(node):
        if not isinstance(call, ast.Call):
            continue
        if isinstance(call.func, ast.Name):
            yield call, names.get(call.func.id, (module, call.func.id))
        elif isinstance(call.func, ast.Attribute):
            base = call.func.value
            known = names.get(base.id) if isinstance(base, ast.Name) else None
            if known is not None and not known[1]:
                yield call, (known[0], call.func.attr)
            elif known is not None:
                yield call, (known[0], f"{known[1]}.{call.func.attr}")
            yield call, ("", call.func.attr)


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    yield f"{node.name}.{inner.name}", inner


@functools.cache
def writers() -> frozenset[Name]:
    """Module and name of every function of core that writes, starts or stops something."""
    calls: dict[Name, set[Name]] = {}
    found: set[Name] = set()
    for path in (ROOT / "core").rglob("*.py"):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        tree = parsed(path)
        names = imported(tree)
        for name, node in _functions(tree):
            targets = calls.setdefault((module, name), set())
            for call, target in called(node, names, module):
                targets.add(target)
                text = ast.unparse(call.func)
                # In the app, `write` is Streamlit's.
                if target in {("", each) for each in (*_METHODS, "write")} or text in _CALLS:
                    found.add((module, name))
    while True:
        more = {name for name, targets in calls.items() if name not in found and targets & found}
        if not more:
            return frozenset(found)
        found |= more


def unguarded(path: Path) -> Iterator[str]:
    """Calls of writers in a file of the app with no question to the gate before them.

    The question stands earlier in the same function, or in one around it.
    """
    tree = parsed(path)
    names = imported(tree)
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for function in ast.walk(tree):
        if isinstance(function, ast.Lambda | ast.FunctionDef):
            for inner in ast.walk(function):
                inner.__dict__.setdefault("around", []).append(function)
    for call, target in called(tree, names, module):
        if target not in writers() and target not in {("", each) for each in _METHODS}:
            continue
        around = call.__dict__.get("around", [])
        if not any(_asks(function, call.lineno) for function in around):
            yield f"{path.relative_to(ROOT)}:{call.lineno} {ast.unparse(call.func)}"


def _asks(function: ast.AST, before: int) -> bool:
    """Whether a function asks the gate for an operator above a line, outside of functions in it."""
    for call in ast.walk(function):
        if isinstance(call, ast.Call) and call.lineno < before:
            if ast.unparse(call) in ("gate.need('operator')", "gate.allows('operator')"):
                return True
    return False
