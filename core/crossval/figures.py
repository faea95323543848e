"""Figures over folds: mean and spread of what every fold's report says."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import mean, stdev
from typing import Any

SPREAD_NOTE = (
    "sd is the standard deviation (n - 1) of the folds' figures: how much they differ. It is no "
    "confidence interval of the mean: the folds share most of their training photos."
)
_HEADLINES = ("region", "position", "heading", "joint_10m_15deg", "joint_10m_15deg_raw", "leak")


def headlines(report: Mapping[str, Any]) -> dict[str, float | None]:
    """Every headline figure of a report by its dotted name, such as `position.raw.median_m`."""
    found: dict[str, float | None] = {}
    for name in _HEADLINES:
        found |= dict(_leaves(report.get(name), name))
    return {name: value for name, value in found.items() if not name.startswith("leak.away.")}


def spread(reports: Sequence[Mapping[str, float | None]]) -> dict[str, dict[str, Any]]:
    """Mean, standard deviation (n - 1) and values of every figure of k folds.

    Mean and sd are None where a fold lacks the figure.
    """
    summary: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(name for report in reports for name in report):
        values = [report.get(name) for report in reports]
        known = [value for value in values if value is not None]
        whole = len(known) == len(values)
        summary[name] = {
            "mean": mean(known) if whole else None,
            "sd": stdev(known) if whole and len(known) > 1 else None,
            "values": values,
        }
    return summary


def baseline_spreads(reports: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The same for every baseline of the folds' reports."""
    return {
        name: spread([headlines(report["baselines"][name]) for report in reports])
        for name in reports[0]["baselines"]
    }


def _leaves(value: Any, name: str) -> Iterator[tuple[str, float | None]]:  # noqa: ANN401 - any JSON value
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}")
    elif value is None or isinstance(value, int | float):
        yield name, value
