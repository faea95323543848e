"""What stands beside the figures of a report, in words: the command line and the pages say it."""

from collections.abc import Mapping
from typing import Any

Report = Mapping[str, Any]

LEAK_RADIUS = "5m"
"""Nearer than this, a training photo shows much the same."""
_SHARES = frozenset({"region_accuracy", "within_10m", "within_25m", "joint_10m_15deg"})


def shown(figure: str, value: float | None) -> str:
    """A headline figure with its unit."""
    if value is None:
        return "unknown"
    if figure in _SHARES:
        return f"{value:.1%}"
    return f"{value:.1f}{'°' if figure == 'maae_deg' else ' m'}"


def interval(report: Report, kind: str, figure: str) -> str:
    """The confidence interval of a headline figure, `8.1 to 10.9`; empty where there is none.

    Args:
        report: Content of report.json, or the pooled figures of a cross-validation.
        kind: `raw` or `refined`.
        figure: A name from `core.evaluation.outcome.FIGURES`.
    """
    ends = ((report.get("intervals") or {}).get(kind) or {}).get(figure)
    if ends is None:
        return ""
    factor = 100.0 if figure in _SHARES else 1.0
    return f"{factor * ends[0]:.1f} to {factor * ends[1]:.1f}"


def with_interval(report: Report, kind: str, figure: str, value: float | None) -> str:
    """A headline figure with its interval behind it, where there is one."""
    ends = interval(report, kind, figure)
    return f"{shown(figure, value)} ({ends})" if ends else shown(figure, value)


def intervals_rest_on(report: Report) -> str:
    """What the intervals are and how far they can be believed; empty where there are none."""
    found = report.get("intervals")
    if not found:
        return ""
    groups = f"{found['clusters']} {found['by']}{'' if found['clusters'] == 1 else 's'}"
    if not found["draws"]:
        return f"no intervals: all photos are of {groups}"
    doubt = "" if found["reliable"] else "; from so few they are unreliable"
    return (
        f"in brackets {found['confidence']:.0%} intervals, each for its own figure, from "
        f"{found['draws']} draws of whole {found['by']}s ({groups}){doubt}"
    )


def leak_sentence(report: Report, radius: str = LEAK_RADIUS) -> str:
    """How many photos stand near a training photo, and the median error of those that do not."""
    leak = report.get("leak")
    if not leak:
        return "how near these photos stand to training photos is unknown"
    near = (
        f"{leak[f'within_{radius}']:.0%} of these photos stand within {radius.removesuffix('m')} m "
        "of a training photo"
    )
    away = leak.get("away", {}).get(f"beyond_{radius}")
    if away is None:
        return near
    if away["reason"]:
        return f"{near}; of the others there are too few for a figure ({away['n']})"
    return f"{near}; the median of the others is {shown('median_m', away['refined']['median_m'])}"


def flagged_sentence(report: Report) -> str:
    """How many photos are doubted, why, and the median error with and without them."""
    found = report.get("flagged")
    if not found:
        return ""
    if not found["n"]:
        return f"no label of these photos is doubted by {found['source']}"
    kinds = ", ".join(f"{kind} {count}" for kind, count in found["kinds"].items())
    said = f"labels of {found['n']} photos are doubted by {found['source']} ({kinds})"
    without, every = found["without"], found["all"]
    if without["reason"] or every["reason"]:
        return f"{said}; without them there are too few photos for a figure"
    return (
        f"{said}; median with them {shown('median_m', every['refined']['median_m'])}, without "
        f"{shown('median_m', without['refined']['median_m'])}"
    )
