"""Mutations of files: damage that disks, editors, copies and attackers do, as plain data.

A mutation is `(kind, where, what)` with `where` in [0, 1): hypothesis draws, shrinks and prints
them, and the same one always gives the same bytes.
"""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

Mutation = tuple[str, float, int]

# What damage puts into text: each ended some parser once.
TOKENS = (
    b"", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"NaN", b"-Infinity", b"1e999", b"9" * 5000,
    b"\\ud800", b"[" * 3000, b'{"a":' * 3000, b'"', b",", b"\n", b"\r", b"null", b"-1", b"0",
    b"\xf0\x9f\x92\xa9", b"../" * 9, b"a" * 70_000, b"=", b"'", b"true", b"1e308", b"\x1f\x8b",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 10**9, 2**31, 2**63, 10**30, 1.5, -1e308, 1e308, 1e-308, "", "x",
    "../../etc/passwd", "\x00", "\u202e", "a" * 5000, [], {}, [[]], [None], [1, "a"], {"": 0},
    {"a": [1]}, "nan", "1e999", [[1.0, 2.0]], ["train"], "=1+1", "cuda:0", "é\u0301",
)  # fmt: skip
BYTES = ("flip", "cut", "insert", "drop", "repeat", "swap")
NODES = ("set", "delete", "rename", "wrap", "nest", "add")
CELLS = ("cell", "column", "row")
GRAPH = ("operator", "unlink", "output", "number", "tensor")


def mutations(kinds: Sequence[str]) -> st.SearchStrategy[list[Mutation]]:
    """One to three mutations of some kinds."""
    one = st.tuples(
        st.sampled_from(kinds), st.floats(0, 1, exclude_max=True), st.integers(0, 10_000)
    )
    return st.lists(one, min_size=1, max_size=3)


def mutated(content: bytes, changes: Sequence[Mutation]) -> bytes:
    """The content of a file after mutations, applied in order."""
    for kind, where, what in changes:
        if kind in NODES:
            content = _json(content, kind, where, what)
        elif kind in CELLS:
            content = _table(content, kind, where, what)
        elif kind in GRAPH:
            content = _graph(content, kind, where, what)
        else:
            content = _bytes(content, kind, where, what)
    return content


def _bytes(content: bytes, kind: str, where: float, what: int) -> bytes:
    place = int(where * (len(content) + 1))
    token = TOKENS[what % len(TOKENS)]
    length = 1 + what % 64
    if kind == "flip" and place < len(content):
        return content[:place] + bytes([content[place] ^ (1 + what % 255)]) + content[place + 1 :]
    if kind == "cut":
        return content[:place]
    if kind == "insert":
        return content[:place] + token + content[place:]
    if kind == "drop":
        return content[:place] + content[place + length :]
    if kind == "repeat":
        return content[: place + length] + content[place:]
    return content[:place] + token + content[place + length :]


def _json(content: bytes, kind: str, where: float, what: int) -> bytes:
    """Change one value in JSON, or in one line of JSON lines; bytes that are none stay."""
    lines = content.splitlines(keepends=True)
    try:
        value, before, after = json.loads(content), b"", b""
    except (ValueError, RecursionError):
        index = int(where * len(lines)) if lines else 0
        try:
            value = json.loads(lines[index])
        except (ValueError, RecursionError, IndexError):
            return content
        before, after = b"".join(lines[:index]), b"\n" + b"".join(lines[index + 1 :])
        where = (where * len(lines)) % 1.0
    places = list(_places(value))
    if not places:
        return content
    # A long list of names must not draw all mutations: every second one meets a short path.
    short = [place for place in places if place[2] <= 2]
    chosen = short if what % 2 and short else places
    holder, key, _ = chosen[int(where * len(chosen))]
    _change(holder, key, kind, what)
    return before + json.dumps(value).encode() + after


def _places(value: Any, depth: int = 1) -> Any:  # noqa: ANN401 - any JSON value
    if not isinstance(value, dict | list):
        return
    for key in list(value.keys() if isinstance(value, dict) else range(len(value))):
        yield value, key, depth
        if isinstance(value[key], dict | list):
            yield from _places(value[key], depth + 1)


def _change(holder: Any, key: Any, kind: str, what: int) -> None:  # noqa: ANN401 - any JSON value
    chosen = VALUES[(what // 2) % len(VALUES)]
    if kind == "delete":
        del holder[key]
    elif kind == "rename" and isinstance(holder, dict):
        holder[str(chosen)] = holder.pop(key)
    elif kind == "wrap":
        holder[key] = [holder[key]] if what % 2 else {"a": holder[key]}
    elif kind == "nest":
        for _ in range(2 + what % 200):
            holder[key] = [holder[key]]
    elif kind == "add" and isinstance(holder, dict):
        holder[f"extra{what % 3}"] = chosen
    else:
        holder[key] = chosen


def _table(content: bytes, kind: str, where: float, what: int) -> bytes:
    """Change a cell, a title or a row of a CSV file; bytes that are none stay."""
    try:
        rows = list(csv.reader(io.StringIO(content.decode(), newline="")))
    except (ValueError, csv.Error):
        return content
    cells = [(row, column) for row, line in enumerate(rows) for column in range(len(line))]
    if not cells:
        return content
    row, column = cells[int(where * len(cells))]
    value = VALUES[what % len(VALUES)]
    if kind == "column":
        row = 0
        column = min(column, len(rows[0]) - 1)
    if kind == "row":
        rows.insert(row, rows[row] if what % 2 else [str(value)])
    elif column >= 0:
        rows[row][column] = "" if value is None else str(value)
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode(errors="replace")


def _graph(content: bytes, kind: str, where: float, what: int) -> bytes:
    """Change an operator, a link, an output, an attribute or a constant of an ONNX graph."""
    import onnx  # only for who mutates graphs
    from google.protobuf.message import DecodeError

    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError:
        return content
    nodes = list(model.graph.node)
    if not nodes:
        return content
    node = nodes[int(where * len(nodes))]
    other = nodes[what % len(nodes)]
    if kind == "operator":
        node.op_type = other.op_type if what % 3 else "Identity"
    elif kind == "unlink" and node.input and other.output:
        node.input[what % len(node.input)] = other.output[0] if what % 2 else ""
    elif kind == "output" and model.graph.output:
        chosen = model.graph.output[what % len(model.graph.output)]
        if what % 3:
            chosen.name = other.output[0] if other.output and what % 2 else "other"
        else:
            model.graph.output.remove(chosen)
    elif kind == "number" and node.attribute:
        attribute = node.attribute[what % len(node.attribute)]
        attribute.i, attribute.f = what - 5000, float(what)
        for place in range(len(attribute.ints)):
            attribute.ints[place] = what % 97 - 48
    elif kind == "tensor" and model.graph.initializer:
        tensor = model.graph.initializer[what % len(model.graph.initializer)]
        tensor.dims[:] = [what % 7, *tensor.dims[1:]]
    return bytes(model.SerializeToString())
