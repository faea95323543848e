"""The same campus at other places of the Earth, or on a plane, has the same metres."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from app.evaluate.outcome_map import outcome_backdrop, outcome_deck
from app.theme import LIGHT
from core.calibration.calibrate import fit_calibration
from core.confidence.files import write_calibration
from core.dataset.labels import read_dataset
from core.dataset.store import prepare_dataset
from core.evaluation.evaluate import Evaluation, evaluate
from core.evaluation.recall import COLUMN as NEIGHBOURS
from core.evaluation.recall import read_distances
from core.evaluation.schema import EvaluateConfig
from core.geo import CoordinateFrame, Floats, FrameKind, LocalFrame
from core.inference.loading import load_predictor
from core.model.card import read_card
from core.retrieval.gallery import Gallery
from tests.tiny_checkpoint import make_checkpoint

PLACES: dict[str, tuple[FrameKind, tuple[float, float]]] = {
    "antimeridian": ("degrees", (17.0, 179.99999)),
    "equator": ("degrees", (0.0, 78.0)),
    "south": ("degrees", (-60.0, -70.0)),
    "plane": ("planar_metres", (4000.0, 9000.0)),
}
ONE_CM = 0.01


def moved(campus: Path, folder: Path, kind: FrameKind, middle: tuple[float, float]) -> Path:
    """The campus with its middle elsewhere; photos, headings and regions are the same."""
    shutil.copytree(campus, folder, ignore=shutil.ignore_patterns(".bearings"))
    table = pd.read_csv(folder / "labels.csv")
    dataset = read_dataset(campus)
    metres = dataset.local_frame().to_metres(dataset.positions)
    labels = LocalFrame(CoordinateFrame(kind), middle).to_labels(metres)
    table["latitude"], table["longitude"] = labels.T
    table.to_csv(folder / "labels.csv", index=False)
    text = (folder / "campus.toml").read_text(encoding="utf-8")
    text = text.replace('kind = "degrees"', f'kind = "{kind}"')
    (folder / "campus.toml").write_text(text, encoding="utf-8")
    return folder


def whole_report(root: Path, folder: Path) -> Evaluation:
    """A checkpoint of the campus, calibrated, and its report on all photos."""
    checkpoint = make_checkpoint(folder / "checkpoint", root)
    predictor = load_predictor(checkpoint, calibrated=False)
    dataset, store = prepare_dataset(root, predictor.store_size)
    write_calibration(checkpoint, fit_calibration(predictor, dataset, store, "train"))
    config = EvaluateConfig(
        run=checkpoint, dataset=root, out=folder / "report", split="all", plots=False
    )
    return evaluate(config)


# Not hexagons, nor the order of equal errors: of which of them a photo is, millimetres say.
LAYERS = ("regions", "training", "lines", "truth", "refined", "headings")


def map_m(found: Evaluation, checkpoint: Path) -> dict[str, Floats]:
    """What the map of the report draws, in metres, by layer and field."""
    card, gallery = read_card(checkpoint), Gallery.load(checkpoint)
    campus = outcome_backdrop(card, gallery, found.table)
    deck = outcome_deck(
        campus, found.table, found.table, LIGHT, method="refined", chosen=3, online=False,
        opacity=dict.fromkeys(LAYERS, 0.5),
    )  # fmt: skip
    local = card.local_frame
    drawn: dict[str, Floats] = {}
    for layer in deck.layers:
        for field in ("p", "a", "b", "s"):
            values = [entry[field] for entry in layer.data if field in entry]
            if values:
                pairs = np.array(list(_pairs(values)))[:, ::-1]
                planar = not local.frame.has_degrees
                drawn[f"{layer.id}/{field}"] = pairs if planar else local.from_degrees(pairs)
    # Spots of a region stand in one line: which of them are corners of its hull, millimetres say.
    hulls = drawn.pop("regions/s")
    return drawn | {"regions/extent": np.stack([hulls.min(axis=0), hulls.max(axis=0)])}


def _pairs(value: Any) -> Iterator[tuple[float, float]]:  # noqa: ANN401 - nested lists
    if isinstance(value[0], int | float):
        yield value[0], value[1]
    else:
        for inner in value:
            yield from _pairs(inner)


def figures(value: Any, name: str = "") -> Iterator[tuple[str, float]]:  # noqa: ANN401 - any JSON
    """Every number of a report, by its dotted name."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from figures(inner, f"{name}.{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from figures(inner, f"{name}.{number}")
    elif isinstance(value, int | float) and "mse_label_units" not in name:
        yield name, float(value)


@pytest.fixture(scope="module")
def at_home(
    shared_campus: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Evaluation, Path]:
    """The report of the campus where it is, and its checkpoint."""
    folder = tmp_path_factory.mktemp("home")
    return whole_report(shared_campus, folder), folder / "checkpoint"


@pytest.mark.trap(name="an area on both sides of 180 degrees")
@pytest.mark.parametrize("place", PLACES)
def test_report_and_map_have_the_same_metres_everywhere(
    at_home: tuple[Evaluation, Path], shared_campus: Path, tmp_path: Path, place: str
) -> None:
    root = moved(shared_campus, tmp_path / "campus", *PLACES[place])
    found, (home, checkpoint) = whole_report(root, tmp_path), at_home
    if place == "antimeridian":
        longitude = pd.read_csv(root / "labels.csv")["longitude"]
        assert (longitude > 179).any()
        assert (longitude < -179).any()
    old, new = (dict(figures(each.report.to_json())) for each in (home, found))
    assert old.keys() == new.keys()
    assert sum(name.endswith("_m") for name in old) > 60
    for name, value in old.items():
        assert new[name] == pytest.approx(value, abs=ONE_CM), name
    assert "coverage" in found.report.to_json()
    assert home.report.coverage is not None
    for column in found.table.columns:
        if column.endswith("_m") and column != NEIGHBOURS:
            gap = (found.table[column] - home.table[column]).abs().max()
            assert gap <= ONE_CM, column
    # Several in one cell, which are rounded.
    here, there = (read_distances(each.table) for each in (found, home))
    np.testing.assert_allclose(here, there, atol=0.011)
    before, after = map_m(home, checkpoint), map_m(found, tmp_path / "checkpoint")
    assert before.keys() == after.keys()
    drawn = {"errors/a", "outcomes-refined/p", "headings-true/s", "chosen-arrow/s", "photos/p"}
    assert drawn <= before.keys()
    assert any(re.fullmatch(r"outcomes-\d/p", name) for name in before)
    for name, metres in before.items():
        np.testing.assert_allclose(after[name], metres, rtol=0, atol=ONE_CM, err_msg=name)
