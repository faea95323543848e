"""The report of a run of the benchmark: `gpu-report.json`, and the same to read."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.gpu.checks import Figure, Outcome
from core.files import write_bytes, write_json

JSON, MARKDOWN = "gpu-report.json", "gpu-report.md"
_DRY = "**Dry run on a CPU: it shows that every check runs. Its figures say nothing about a GPU.**"


def write_report(folder: Path, head: dict[str, Any], outcomes: list[Outcome]) -> None:
    """Write both files; `head` is what was run, on what, and what it does not show."""
    content = head | {"checks": [asdict(outcome) for outcome in outcomes]}
    write_json(folder / JSON, content)
    write_bytes(folder / MARKDOWN, (markdown(head, outcomes) + "\n").encode())


def markdown(head: dict[str, Any], outcomes: list[Outcome]) -> str:
    """Return the report as Markdown."""
    machine = head["machine"]
    lines = [
        f"# {machine['card']}",
        "",
        *([_DRY, ""] if head["dry"] else []),
        f"`{head['command']}`, {head['seconds']:.0f} s, commit {head['commit']}; "
        f"{machine['gpus']} GPU(s), {machine['cores']} cores, "
        f"{', '.join(f'{name} {version}' for name, version in machine['versions'].items())}; "
        f"{head['photos']} demo photos.",
        "",
        "| check | result | seconds | reason |",
        "|---|---|---|---|",
        *(
            f"| {each.title} | {each.state} | {each.seconds:.0f} | {_cell(each.reason)} |"
            for each in outcomes
        ),
        "",
    ]
    for each in outcomes:
        if each.figures:
            lines += [f"## {each.title}", "", "| figure | value |", "|---|---|"]
            lines += [f"| {_words(n)} | {_value(n, v)} |" for n, v in each.figures.items()]
            lines.append("")
    lines += ["## Not shown", "", *(f"- {line}" for line in head["not_shown"])]
    return "\n".join(lines)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _value(name: str, value: Figure) -> str:
    if isinstance(value, str):
        return _cell(value)
    share = "share" in name or "utilisation" in name
    if share:
        return f"{value:.1%}"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
