"""One page about an evaluated model: figures, map, worst photos, leak, coverage and card.

The page is one file that opens without a server. Its plots are embedded, it holds no script, and
its content security policy forbids every request. Every text goes through `html`, which escapes it.
"""

import base64
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd
from PIL import Image

from core.amounts import percent
from core.dataset.decode import decode_photo
from core.errors import CheckpointError, ImageError
from core.evaluation import report_text
from core.evaluation.report import Report
from core.evaluation.report_coverage import CoverageOfPhotos
from core.evaluation.stored_reports import find_report, read_predictions, read_report
from core.geo import Floats
from core.headline import FIGURES, Figure
from core.labels import listed
from core.model.card import Card, read_card
from core.runs import find_checkpoint, home_of_report

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WORST = 12
_THUMBNAIL = 160
_TITLES: dict[Figure, str] = {
    "region_accuracy": "Region right", "median_m": "Median error", "mean_m": "Mean error",
    "p90_m": "90 % of photos within", "within_10m": "Within 10 m", "within_25m": "Within 25 m",
    "maae_deg": "Mean heading error", "within_15": "Heading within 15°",
    "joint_10m_15deg": "Within 10 m and 15°",
}  # fmt: skip
_SIZES = {"radius": "Radius about the pin", "region": "Area", "wedge": "Heading wedge"}
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 2.5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem; text-align: left; border-bottom: 1px solid #8885; }
td.number, th.number { text-align: right; }
td.number { white-space: nowrap; }
table.matrix td, table.matrix th { padding: .15rem .4rem; text-align: center; font-size: .8rem; }
figure { margin: 1rem 0; } figure img { max-width: 100%; background: white; }
figcaption, .note { color: #767676; font-size: .9rem; }
td img { width: 160px; height: 160px; object-fit: cover; display: block; }
"""


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def html(value: object) -> Html:
    """Return a value as markup that shows it; the only way for text into the page."""
    if isinstance(value, Html):
        return value
    # Unprintable characters could turn the direction of the text around.
    return Html("".join(each if each.isprintable() else " " for each in escape(str(value))))


def element(tag: str, *children: object, **attributes: object) -> Html:
    """Return an element; children and values of attributes are escaped."""
    shown = "".join(f' {name.rstrip("_")}="{html(value)}"' for name, value in attributes.items())
    return Html(f"<{tag}{shown}>{''.join(map(html, children))}</{tag}>")


def _image(content: bytes, kind: str, alt: object) -> Html:
    data = base64.b64encode(content).decode("ascii")
    return Html(f'<img src="data:image/{kind};base64,{data}" alt="{html(alt)}">')


@dataclass(frozen=True)
class Content:
    """What a page is made of.

    Attributes:
        title: Name of the run or checkpoint.
        report: Its stored report.
        table: Its predictions.csv.
        card: The checkpoint's card; None if it is gone.
        photos: Folder of the photos to embed; None: none is embedded.
    """

    title: str
    report: Report
    table: pd.DataFrame
    card: Card | None
    photos: Path | None = None


def read_content(path: Path, photos: Path | None = None) -> Content:
    """Read the newest report on test photos of a run or checkpoint, or the report itself.

    Raises:
        ConfigError: There is no report, or it is damaged.
    """
    folder = find_report(path)
    home = home_of_report(folder)
    try:
        card = read_card(find_checkpoint(home))
    except CheckpointError:
        card = None
    table = read_predictions(folder / "predictions.csv")
    return Content(home.name, read_report(folder), table, card, photos)


def page(content: Content, worst: int = WORST) -> str:
    """Return the page; `worst` photos with the largest position errors are listed."""
    report = content.report
    about = f"{report.n:,} photos: {report_text.photos_of(report)}"
    parts = [
        element("h1", content.title),
        element("p", about, class_="note"),
        *_figures(report), *_map(content.table), *_errors(content), *_coverage(report),
        *_worst(content, worst), *_regions(report), *_card(content),
    ]  # fmt: skip
    head = [
        Html('<meta charset="utf-8">'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        element("title", f"{content.title} - Bearings"),
        Html(f"<style>{_STYLE}</style>"),
    ]
    body = element("html", element("head", *head), element("body", *parts), lang="en")
    return f"<!doctype html>\n{body}\n"


def _rows(header: Sequence[object], rows: Iterable[Sequence[object]], first: int = 1) -> Html:
    """A table; cells after the first `first` are numbers."""

    def line(tag: str, cells: Sequence[object]) -> Html:
        return element("tr", *(
            element(tag, cell, class_="number") if place >= first else element(tag, cell)
            for place, cell in enumerate(cells)
        ))  # fmt: skip

    body = [line("td", cells) for cells in rows]
    return element("div", element("table", line("th", header), *body), class_="wide")


def _figures(report: Report) -> list[Html]:
    refined, raw = report.figures("refined"), report.figures("raw")
    baselines = sorted(report.baselines.items())
    rows = [
        (
            _TITLES[name],
            report_text.with_interval(report, "refined", name),
            report_text.shown(name, raw.of(name)),
            *(report_text.shown(name, baseline.figures.of(name)) for _, baseline in baselines),
        )
        for name in FIGURES
        if refined.of(name) is not None
    ]
    names = [
        name.replace("_", " ") + (" (given truth)" if baseline.given_truth else "")
        for name, baseline in baselines
    ]
    parts = [
        element("h2", "Figures"),
        _rows(["", "Refined by training photos", "Network alone", *names], rows),
    ]
    sentences = [
        report_text.intervals_basis(report), report_text.labels_sentence(report),
        report_text.flagged_sentence(report),
    ]  # fmt: skip
    parts += [element("p", text, class_="note") for text in sentences if text]
    if report.position is not None:
        parts += [element("h2", "Leak"), element("p", report_text.leak_sentence(report))]
    if report.notes:
        notes = element("ul", *(element("li", note) for note in report.notes))
        parts += [element("h2", "Notes"), notes]
    return parts


def _regions(report: Report) -> list[Html]:
    """Figures by region, and the confusion matrix as a table."""
    if not report.per_region:
        return []
    shown = report_text.shown
    rows = [
        (
            region.name, region.n, shown("region_accuracy", region.accuracy),
            shown("median_m", region.median_refined_m), shown("maae_deg", region.maae_refined_deg),
        )
        for region in report.per_region.values()
    ]  # fmt: skip
    header = ["Region", "Photos", "Region right", "Median error", "Mean heading error"]
    parts = [element("h2", "Regions"), _rows(header, rows)]
    found = report.region
    if found is None:
        return parts
    names = {key: region.name for key, region in report.per_region.items()}
    lines = [element("tr", element("th", ""), *(element("th", label) for label in found.labels))]
    for label, counts in zip(found.labels, found.confusion, strict=True):
        total = max(sum(counts), 1)
        cells = [
            element(
                "td",
                count or "",
                style=f"background: rgb(0 114 178 / {count / total:.2f})"
                + ("; color: white" if count > total / 2 else ""),
            )
            for count in counts
        ]
        head = element("th", label, title=names.get(label, label))
        lines.append(element("tr", head, *cells))
    matrix = element("div", element("table", *lines, class_="matrix"), class_="wide")
    caption = "Rows are true regions, columns predicted ones; the darker, the more of its row."
    return [*parts, element("h2", "Confusion"), matrix, element("p", caption, class_="note")]


def _coverage(report: Report) -> list[Html]:
    found = report.coverage
    if found is None:
        note = "This checkpoint is not calibrated: how far an answer can be believed is unknown."
        return [element("h2", "Coverage"), element("p", note)]
    parts = [element("h2", "Coverage"), _promises(found.overall)]
    parts.append(element("p", f"{percent(found.refused.share, 1)} of these photos are refused."))
    unseen = found.unseen
    if unseen is not None and unseen.radius_m is not None:
        title = f"Without the training photos within {unseen.radius_m:g} m"
        parts += [element("h3", title), _promises(unseen)]
    return parts


def _promises(photos: CoverageOfPhotos) -> Html:
    rows = [
        (
            _SIZES[name], percent(one.promised), percent(one.measured, 1),
            "" if one.interval is None else " to ".join(percent(end, 1) for end in one.interval),
        )
        for name, entries in photos.by_size.items()
        for one in entries
        if one.measured is not None
    ]  # fmt: skip
    return _rows(["", "Promised", "Measured", "95 % interval"], rows)


def _card(content: Content) -> list[Html]:
    card, split = content.card, content.report.split
    rows: list[tuple[object, object]] = [("Photos", report_text.photos_of(content.report))]
    if card is not None:
        kind = "ensemble" if card.ensemble is not None else card.model.backbone
        rows += [
            ("Campus", card.campus), ("Made", card.created), ("Network", kind),
            ("Input", f"{card.preprocess.input_size} pixels"), ("Predicts", listed(card.labels)),
            ("Regions", len(card.regions)), ("Split", f"{card.split.protocol} {split.hash[:12]}"),
            ("Weights", card.weights),
            *(("Note", note) for note in card.notes),
        ]  # fmt: skip
    return [element("h2", "Card"), _rows(["", ""], rows, first=2)]


def _worst(content: Content, count: int) -> list[Html]:
    """The photos with the largest position errors, or heading errors if there are no positions."""
    table = content.table
    column = "error_refined_m" if table["error_refined_m"].notna().any() else (
        "heading_error_refined_deg"
    )  # fmt: skip
    chosen = table[table[column].notna()].nlargest(count, column)
    if chosen.empty:
        return []
    header = ["Photo", "True region", "Predicted region", "Error", "Heading error", "Radius (90 %)"]
    rows = []
    for _, row in chosen.iterrows():
        cells: list[object] = [
            row["filename"], row["true_region"], row["region"],
            _measure(row["error_refined_m"], " m"), _measure(row["heading_error_refined_deg"], "°"),
            _measure(row.get("radius_90_m"), " m"),
        ]  # fmt: skip
        rows.append(cells if content.photos is None else [_thumbnail(content.photos, row), *cells])
    if content.photos is not None:
        header = ["", *header]
    title = f"The {len(chosen)} largest errors"
    return [element("h2", title), _rows(header, rows, first=len(header) - 3)]


def _measure(value: object, unit: str) -> str:
    number = float(cast("float", value)) if value is not None else float("nan")
    return f"{number:.1f}{unit}" if np.isfinite(number) else ""


def _thumbnail(folder: Path, row: pd.Series) -> Html:
    """A photo made small, without its EXIF; a sentence if it cannot be read."""
    name = PurePosixPath(str(row["photo_id"]).replace("\\", "/"))
    # The table may be of a stranger: only photos of the data set are read.
    if name.is_absolute() or ".." in name.parts or ":" in str(name):
        return html("not a photo of the data set")
    try:
        pixels = decode_photo(folder / name, size=_THUMBNAIL)[0]
    except ImageError as error:
        return html(error)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=80)
    return _image(stream.getvalue(), "jpeg", row["filename"])


def _map(table: pd.DataFrame) -> list[Html]:
    """True positions coloured by error, with a line to the answer for the worst."""
    known = table[table["error_refined_m"].notna()] if "north_refined_m" in table else table[:0]
    if known.empty:
        return []
    error = known["error_refined_m"].to_numpy(np.float64)
    truth = known[["true_north_m", "true_east_m"]].to_numpy(np.float64)
    pin = known[["north_refined_m", "east_refined_m"]].to_numpy(np.float64)

    def draw(axes: "Axes") -> None:
        for row in np.argsort(-error)[:WORST]:
            axes.plot(*np.stack([truth[row], pin[row]])[:, ::-1].T, color="#D55E00", lw=0.8)
        shown = axes.scatter(
            truth[:, 1], truth[:, 0], c=np.clip(error, 1.0, 100.0), s=14, cmap="viridis_r",
            norm="log", zorder=2,
        )  # fmt: skip
        axes.figure.colorbar(shown, ax=axes, label="position error in metres (1 to 100)")
        axes.set_aspect("equal", adjustable="datalim")
        axes.set(xlabel="metres east", ylabel="metres north")

    caption = f"True positions by error; lines lead from the {min(WORST, len(error))} worst to "
    return [element("h2", "Map"), _plot(draw, (8.0, 6.5), caption + "their answers.")]


def _errors(content: Content) -> list[Html]:
    """How errors of positions and headings are distributed, raw and refined."""
    parts = []
    for name, unit, longest in (
        ("error{}_m", "position error in metres", None),
        ("heading_error{}_deg", "heading error in degrees", 180.0),
    ):
        columns = {"network alone": name.format(""), "refined": name.format("_refined")}
        errors = {
            label: np.sort(content.table[column].dropna().to_numpy(np.float64))
            for label, column in columns.items()
        }
        if any(len(values) == 0 for values in errors.values()):
            continue
        parts.append(_distribution(errors, unit, longest))
    return [element("h2", "Errors"), *parts] if parts else []


def _distribution(errors: dict[str, Floats], unit: str, longest: float | None) -> Html:
    def draw(axes: "Axes") -> None:
        for (label, values), style in zip(errors.items(), ("--", "-"), strict=True):
            share = np.arange(1, len(values) + 1) / len(values)
            axes.step(np.maximum(values, 1.0), share, style, where="post", label=label)
        if longest is None:
            axes.set_xscale("log")
        else:
            axes.set_xlim(0.0, longest)
        axes.set(xlabel=unit, ylabel="share of photos", ylim=(0.0, 1.0))
        axes.grid(alpha=0.3)
        axes.legend()

    median = ", ".join(f"{label} {np.median(values):.1f}" for label, values in errors.items())
    return _plot(draw, (8.0, 3.6), f"Share of photos within each {unit}; median: {median}.")


def _plot(draw: "Callable[[Axes], None]", size: tuple[float, float], caption: str) -> Html:
    # matplotlib is slow to import.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure.add_subplot())
    stream = io.BytesIO()
    figure.savefig(stream, dpi=110)
    return element(
        "figure", _image(stream.getvalue(), "png", caption), element("figcaption", caption)
    )
