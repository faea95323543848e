"""Predictions of models that do not predict every label, and what is written of them."""

import csv
import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.errors import ConfigError
from core.geo import CoordinateFrame, LocalFrame
from core.inference.ensemble import combine
from core.inference.export_files import to_csv, to_geojson, to_json
from core.inference.known import KnownMetadata
from core.inference.network import NetworkOutputs, merge
from core.inference.prediction import Prediction
from core.labels import LABELS, Label, absence_note, listed
from core.retrieval.gallery import Gallery, build_gallery

FRAME = LocalFrame(CoordinateFrame("degrees"), (17.0, 78.0))
REGION = {"region", "region_name", "region_probability", "region_probabilities"}
POSITION = {
    *(f"{axis}{suffix}" for axis in ("latitude", "longitude") for suffix in
      ("", "_refined", "_deg", "_refined_deg")),
    "north_m", "east_m", "north_refined_m", "east_refined_m", "moved_m", "moved_by",
}  # fmt: skip
HEADING = {"angle", "angle_refined", "heading_confidence"}
ALWAYS = {"filename", "neighbours", "calibrated", "refused"}
OF: dict[Label, set[str]] = {"region": REGION, "position": POSITION, "heading": HEADING}


def predicted(labels: tuple[Label, ...], **changes: Any) -> Prediction:  # noqa: ANN401
    """Two photos, each with one neighbour."""
    ids, one = ("a.jpg", "b.jpg"), np.ones((2, 1))
    regions = ("1", "2") if "region" in labels else ()
    shares = np.array([[0.25, 0.75], [0.9, 0.1]])[:, : len(regions)]
    place = (
        np.array([[3.0, 4.0], [10.0, -2.0]]) if "position" in labels else np.full((2, 2), np.nan)
    )
    turn = np.array([30.0, 350.0]) if "heading" in labels else np.full(2, np.nan)
    fields: dict[str, Any] = {
        "photo_ids": ids, "filenames": ids, "regions": regions, "region_names": {},
        "local_frame": FRAME, "region_probabilities": shares, "region_head": shares,
        "position_m": place, "position_refined_m": place, "heading_deg": turn,
        "heading_refined_deg": turn, "heading_length": turn / 400.0,
        "neighbours": np.array([[1], [0]]), "similarity": one, "weight": one,
        "inliers": np.full((2, 1), -1), "descriptor": np.zeros((2, 3), np.float32),
        "labels": labels,
    }  # fmt: skip
    return Prediction(**fields | changes)


def gallery(labels: tuple[Label, ...]) -> Gallery:
    """Two training photos, of which the second has no heading and no region."""
    ids = ["x.jpg", "y.jpg"]
    return build_gallery(
        ids,
        ids,
        np.eye(2, 3),
        np.zeros((2, 2)) if "position" in labels else np.full((2, 2), np.nan),
        [40.0, np.nan],
        [1, -1],
        split_hash="h",
        parts=dict.fromkeys(ids, "train"),
    )


@pytest.mark.parametrize(
    "labels",
    [("position",), ("region",), ("position", "heading"), ("position", "region"),
     ("heading", "region"), LABELS],
)  # fmt: skip
def test_a_record_has_the_keys_of_what_is_predicted(labels: tuple[Label, ...]) -> None:
    record = json.loads(to_json(predicted(labels), gallery(labels)))[0]
    expected = ALWAYS.union(*(OF[label] for label in labels))
    assert set(record) == expected | ({"not_predicted"} if labels != LABELS else set())
    assert record.get("not_predicted", []) == [name for name in LABELS if name not in labels]
    shown = record["neighbours"][0]
    assert ("latitude" in shown) is ("position" in labels)
    if "heading" in labels:
        assert shown["angle"] is None, "this neighbour has no heading"
    if "region" in labels:
        assert shown["region"] is None, "this neighbour has no region"
    (first, _) = csv.DictReader(io.StringIO(to_csv(predicted(labels), gallery(labels))))
    assert ("angle" in first, "north_m" in first, "probability_1" in first) == (
        "heading" in labels, "position" in labels, "region" in labels
    )  # fmt: skip
    assert first.get("not_predicted", "") == ";".join(record.get("not_predicted", []))


def test_geojson_needs_positions() -> None:
    with pytest.raises(ConfigError, match="predicts regions only: choose json or csv"):
        to_geojson(predicted(("region",)))
    found = json.loads(to_geojson(predicted(("position",))))
    assert "angle" not in found["features"][0]["properties"]


def test_without_regions_there_is_no_most_probable_one() -> None:
    nowhere = predicted(("position",))
    assert nowhere.region_index.tolist() == [-1, -1]
    assert nowhere.region == ("", "")
    assert np.isnan(nowhere.region_probability).all()


def test_a_prediction_holds_what_its_labels_say() -> None:
    with pytest.raises(ValueError, match="a heading that is not predicted must be NaN"):
        predicted(("position",), heading_deg=np.zeros(2))
    with pytest.raises(ValueError, match="regions if, and only if"):
        replace(predicted(("region",)), labels=("heading",))


@pytest.mark.parametrize(
    ("labels", "known", "words"),
    [
        (("position",), {"region": "1"}, "predicts no regions, so it cannot use a known region"),
        (("position", "region"), {"heading": 3.0}, "predicts no headings"),
        (("region",), {"region": "1"}, "known region improves positions and headings"),
        (("heading", "region"), {"heading": [None, 3.0]}, "known heading improves positions"),
    ],
)
def test_known_metadata_that_change_nothing_are_refused(
    labels: tuple[Label, ...], known: dict[str, Any], words: str
) -> None:
    regions = ("1", "2") if "region" in labels else ()
    given = {"region": None, "heading": None} | known
    with pytest.raises(ConfigError, match=words):
        KnownMetadata.of(2, labels, regions, given["region"], given["heading"])
    KnownMetadata.of(2, labels, regions, [None, None], None)


def test_crops_of_a_network_without_a_head_have_no_value_of_it() -> None:
    n = 2
    views = [
        NetworkOutputs(
            np.empty((n, 0)), np.full((n, 2), place), np.full((n, 2), np.nan),
            np.ones((n, 3), np.float32), np.ones((n, 3), np.float32), np.empty((n, 0)),
            np.zeros((n, 1)),
        )
        for place in (0.0, 0.2, 0.4)
    ]  # fmt: skip
    merged = merge(views, np.array([0.0, -9.0, 9.0]), np.ones(2))
    np.testing.assert_allclose(merged.position, 0.2)
    assert np.isnan(merged.heading).all()
    assert merged.probabilities.shape == (n, 0)


@pytest.mark.filterwarnings("error")
def test_an_ensemble_averages_what_its_members_predict() -> None:
    weights = np.array([0.25, 0.75])
    places = [predicted(("position",)), predicted(("position",))]
    places[1] = replace(places[1], position_refined_m=places[1].position_m + np.array([0.0, 4.0]))
    found = combine(places, weights, 25.0, 0)
    np.testing.assert_allclose(found.position_refined_m, [[3.0, 7.0], [10.0, 1.0]])
    assert np.isnan(found.heading_refined_deg).all()
    assert found.labels == ("position",)
    record = json.loads(to_json(found))[0]
    assert record["member_spread_m"] == 3.0
    assert "member_spread_deg" not in record
    regions = combine([predicted(("region",))] * 2, weights, 25.0, 0)
    np.testing.assert_allclose(regions.region_probabilities, [[0.25, 0.75], [0.9, 0.1]])
    assert np.isnan(regions.position_m).all()


def test_what_is_not_predicted_is_one_sentence() -> None:
    assert absence_note(LABELS) == ()
    assert absence_note(("region",)) == (
        "This model predicts no positions and no headings: its training photos have none.",
    )
    assert listed(LABELS) == "positions, headings and regions"
