"""Static plots of an evaluation, as PNG files; no window, no global state."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.amounts import percent
from core.evaluation.scores import ScoredPrediction
from core.geo import Floats, distance_m
from core.retrieval.baselines import Baseline

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe & Ito 2008: distinguishable with any colour vision.
TRUTH, RAW, REFINED = "#000000", "#E69F00", "#0072B2"
BASELINE_COLOURS = ("#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#999999", "#F0E442")
SECTOR_DEG = 30.0
_WIDE = (8.0, 4.5)
SHOWN_LINES = 400
"""Error lines of more photos than this would cover the points."""


def write_plots(scored: ScoredPrediction, baselines: tuple[Baseline, ...], out: Path) -> None:
    """Write up to five plots into `out`: those of the labels that are compared."""
    out.mkdir(parents=True, exist_ok=True)
    region, position, heading = scored.region, scored.position, scored.heading
    plots: dict[str, tuple[bool, Callable[[Axes], None], tuple[float, float]]] = {
        "confusion": (region is not None, lambda axes: draw_confusion(axes, scored), (7.5, 6.5)),
        "scatter": (position is not None, lambda axes: draw_scatter(axes, scored), (7.0, 7.0)),
        "error_cdf": (
            position is not None, lambda axes: draw_error_cdf(axes, scored, baselines), _WIDE
        ),
        "heading_by_true_heading": (
            heading is not None, lambda axes: draw_sectors(axes, scored), _WIDE
        ),
        "heading_by_region": (
            heading is not None and bool(scored.truth.labelled("region").any()),
            lambda axes: draw_heading_by_region(axes, scored),
            _WIDE,
        ),
    }  # fmt: skip
    for name, (exists, draw, size) in plots.items():
        if exists:
            _save(out / f"{name}.png", draw, size)
        else:
            # An earlier evaluation, of other labels, may have left one.
            (out / f"{name}.png").unlink(missing_ok=True)


def draw_confusion(axes: "Axes", scored: ScoredPrediction) -> None:
    """Draw the share of each true region's photos by predicted region."""
    found = scored.region
    if found is None:
        raise ValueError("no region is compared")
    counts = np.asarray(found.confusion, np.float64)
    totals = counts.sum(axis=1, keepdims=True)
    image = axes.imshow(counts / np.where(totals == 0, 1, totals), cmap="Blues", vmin=0, vmax=1)
    axes.figure.colorbar(image, ax=axes, label="share of the true region's photos")
    ticks = np.arange(len(counts))
    axes.set_xticks(ticks, found.labels, rotation=90, fontsize=7)
    axes.set_yticks(ticks, found.labels, fontsize=7)
    for row, column in zip(*np.nonzero(counts), strict=True):
        dark = counts[row, column] > 0.5 * totals[row, 0]
        axes.text(
            column, row, f"{counts[row, column]:.0f}", ha="center", va="center", fontsize=6,
            color="white" if dark else "black",
        )  # fmt: skip
    axes.set(
        xlabel="predicted region",
        ylabel="true region",
        title=f"Regions: {percent(found.accuracy, 1)} of {int(counts.sum()):,} photos correct",
    )


def draw_scatter(axes: "Axes", scored: ScoredPrediction) -> None:
    """Draw true and refined positions with a line between each pair."""
    rows = scored.compared("position")
    truth, guess = scored.truth.position_m[rows], scored.prediction.position_refined_m[rows]
    if len(truth) <= SHOWN_LINES:
        for start, end in zip(truth, guess, strict=True):
            axes.plot([start[1], end[1]], [start[0], end[0]], color="#BBBBBB", lw=0.6, zorder=1)
    axes.scatter(truth[:, 1], truth[:, 0], s=12, color=TRUTH, label="true", zorder=2)
    axes.scatter(
        guess[:, 1], guess[:, 0], s=12, color=REFINED, label="predicted, refined", zorder=3
    )
    axes.set_aspect("equal", adjustable="datalim")
    axes.set(xlabel="metres east", ylabel="metres north", title="Predicted and true positions")
    axes.legend()


def draw_error_cdf(axes: "Axes", scored: ScoredPrediction, baselines: tuple[Baseline, ...]) -> None:
    """Draw the cumulative distribution of position errors, of the model and the baselines."""
    from matplotlib.ticker import FuncFormatter

    _step(axes, scored.error_m, "model, raw", RAW, "-")
    _step(axes, scored.error_refined_m, "model, refined", REFINED, "-")
    for baseline, colour in zip(baselines, BASELINE_COLOURS, strict=False):
        error = distance_m(scored.truth.position_m, baseline.position_m)
        if np.isnan(error).all():
            continue
        suffix = " (given truth)" if baseline.given_truth else ""
        _step(axes, error, baseline.name.replace("_", " ") + suffix, colour, "--")
    axes.set_xscale("log")
    axes.set_xlim(left=1.0)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set(xlabel="position error in metres", ylabel="share of photos", title="Position error")
    axes.set_ylim(0, 1)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7)


def draw_sectors(axes: "Axes", scored: ScoredPrediction) -> None:
    """Draw the mean heading error by sector of the true heading."""
    known = scored.truth.labelled("heading")
    sector = np.full(len(known), -1)
    sector[known] = (scored.truth.heading_deg[known] // SECTOR_DEG).astype(int)
    starts = np.arange(0, 360, SECTOR_DEG, dtype=int)
    names = [f"{start}–{start + int(SECTOR_DEG)}°" for start in starts]
    _heading_bars(axes, scored, sector, names)
    axes.set_xlabel("true heading, clockwise from north, and number of photos")
    axes.set_title("Heading error by true heading")


def draw_heading_by_region(axes: "Axes", scored: ScoredPrediction) -> None:
    """Draw the mean heading error of each true region's photos."""
    _heading_bars(axes, scored, scored.truth.region, list(scored.truth.regions))
    axes.set_xlabel("true region, and number of photos")
    axes.set_title("Heading error by region")


def _heading_bars(
    axes: "Axes", scored: ScoredPrediction, group: np.ndarray, names: list[str]
) -> None:
    """Draw the mean errors of each group of photos that have a heading; -1 is no group."""
    group = np.where(scored.truth.labelled("heading"), group, -1)
    for error, shift, colour, label in (
        (scored.error_deg, -0.2, RAW, "raw"),
        (scored.error_refined_deg, 0.2, REFINED, "refined"),
    ):
        means = [error[group == index].mean() if (group == index).any() else 0.0
                 for index in range(len(names))]  # fmt: skip
        axes.bar(np.arange(len(names)) + shift, means, 0.4, color=colour, label=label)
    counts = np.bincount(group[group >= 0], minlength=len(names))
    labels = [f"{name}\n{count}" for name, count in zip(names, counts, strict=True)]
    axes.set_xticks(np.arange(len(names)), labels, fontsize=7)
    axes.axhline(90, color="#999999", lw=1, ls=":", label="chance (90°)")
    axes.set_ylabel("mean absolute error in degrees")
    axes.legend(fontsize=7)


def _step(axes: "Axes", error: Floats, label: str, colour: str, style: str) -> None:
    error = error[~np.isnan(error)]
    ordered = np.sort(np.maximum(error, 1e-3))  # a logarithmic axis has no 0
    share = np.arange(len(error) + 1) / len(error)
    axes.step(
        np.insert(ordered, 0, ordered[0]), share, style, color=colour, label=label, where="post"
    )


def _save(path: Path, draw: Callable[["Axes"], None], size: tuple[float, float]) -> None:
    # matplotlib is slow to import, and evaluations without plots do not need it.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure.add_subplot())
    figure.savefig(path, dpi=130)
