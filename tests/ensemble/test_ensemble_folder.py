"""An ensemble on disk, and how it answers."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.dataset.augment import resize_photo
from core.ensemble.make import make_ensemble
from core.ensemble.schema import EnsembleConfig
from core.errors import CheckpointError, ConfigError
from core.evaluation.evaluate import evaluate
from core.evaluation.schema import EvaluateConfig
from core.explain.attribute import attribute
from core.geo import heading_error_deg
from core.inference.ensemble import Ensemble
from core.inference.loading import load_predictor
from core.inference.predictor import Predictor
from core.model.card import read_card
from core.model.checkpoint import load_checkpoint
from tests.tiny_checkpoint import make_checkpoint


@pytest.fixture(scope="module")
def loaded(ensemble: Path) -> Predictor:
    return load_predictor(ensemble)


@pytest.fixture(scope="module")
def photos(loaded: Predictor, shared_campus: Path) -> NDArray[np.uint8]:
    return np.stack([loaded.decode(path) for path in sorted((shared_campus / "images").iterdir())])


def test_it_needs_nothing_outside_its_folder(
    ensemble: Path, photos: NDArray[np.uint8], tmp_path: Path
) -> None:
    moved = shutil.copytree(ensemble, tmp_path / "elsewhere")
    for path in moved.rglob("*"):
        assert path.is_dir() or path.suffix in (".json", ".safetensors", "") or ".lock" in path.name
    first, again = (load_predictor(at).predict_photos(photos[:5]) for at in (ensemble, moved))
    np.testing.assert_array_equal(first.position_refined_m, again.position_refined_m)


def test_it_is_the_weighted_mean_of_its_members(
    loaded: Predictor, photos: NDArray[np.uint8]
) -> None:
    about = loaded.card.ensemble
    assert about is not None
    weights = np.array([member.weight for member in about.members])
    found = loaded.predict_photos(photos)
    alone = [member.predict_photos(photos) for member in loaded.members]
    assert weights[0] > weights[-1]
    shares = sum(w * each.region_probabilities for w, each in zip(weights, alone, strict=True))
    np.testing.assert_allclose(found.region_probabilities, shares)
    np.testing.assert_allclose(found.region_probabilities.sum(axis=1), 1.0)
    mean = sum(w * each.position_refined_m for w, each in zip(weights, alone, strict=True))
    assert found.member_spread_m is not None
    agree = found.member_spread_m <= about.agree_m
    assert agree.any()
    assert not agree.all()
    np.testing.assert_allclose(found.position_refined_m[agree], mean[agree])
    every = np.stack([each.position_refined_m for each in alone])
    distance = np.abs(every - found.position_refined_m).sum(axis=2).min(axis=0)
    np.testing.assert_allclose(distance[~agree], 0.0, atol=1e-9)


def test_members_answer_in_full_and_their_spread_is_told(
    loaded: Predictor, photos: NDArray[np.uint8]
) -> None:
    found = loaded.predict_photos(photos[:6])
    assert found.member_spread_deg is not None
    for member, said in zip(loaded.members, found.members, strict=True):
        own = member.predict_photos(photos[:6])
        np.testing.assert_array_equal(said.position_refined_m, own.position_refined_m)
    turned = [heading_error_deg(m.heading_refined_deg, found.heading_refined_deg)
              for m in found.members]  # fmt: skip
    np.testing.assert_allclose(found.member_spread_deg, np.max(turned, axis=0))


def test_what_is_known_reaches_every_member(loaded: Predictor, photos: NDArray[np.uint8]) -> None:
    told = loaded.predict_photos(photos[:4], known_region="2", known_heading_deg=90.0)
    for member, said in zip(loaded.members, told.members, strict=True):
        own = member.predict_photos(photos[:4], known_region="2", known_heading_deg=90.0)
        np.testing.assert_array_equal(said.position_m, own.position_m)
    untold = loaded.predict_photos(photos[:4])
    assert not np.allclose(told.position_m, untold.position_m)


def test_evidence_is_the_leads(loaded: Predictor, photos: NDArray[np.uint8]) -> None:
    assert isinstance(loaded, Ensemble)
    lead = loaded.members[loaded.lead]
    found, own = loaded.predict_photos(photos[:4]), lead.predict_photos(photos[:4])
    assert loaded.gallery is lead.gallery
    np.testing.assert_array_equal(found.neighbours, own.neighbours)
    assert found.notes
    assert loaded.about.lead in found.notes[0]


def test_progress_counts_photos_once(loaded: Predictor, photos: NDArray[np.uint8]) -> None:
    told: list[tuple[int, int]] = []
    loaded.predict_photos(photos[:8], batch_size=2, progress=lambda *seen: told.append(seen))
    assert told[-1] == (8, 8)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_a_report_judges_the_members_too(
    ensemble: Path, shared_campus: Path, tmp_path: Path
) -> None:
    found = evaluate(
        EvaluateConfig(run=ensemble, dataset=shared_campus, out=tmp_path / "r", plots=False)
    )
    report = json.loads((tmp_path / "r" / "report.json").read_text())
    assert report["ensemble"]["lead"] == report["ensemble"]["members"][0]["name"]
    assert report["leak"] is not None
    assert set(report["baselines"]) >= {"global_mean", "nearest_feature"}
    assert {"member_spread_m", "member_spread_deg"} <= set(found.table.columns)
    for member in report["ensemble"]["members"]:
        alone = evaluate(
            EvaluateConfig(
                run=ensemble / "members" / member["name"], dataset=shared_campus,
                out=tmp_path / member["name"], plots=False,
            )
        )  # fmt: skip
        assert member["median_m"] == alone.report.position.refined.median_m
        assert alone.report.ensemble is None
        assert "member_spread_m" not in alone.table.columns


def test_a_member_sees_photos_at_its_own_size(
    photos: NDArray[np.uint8], ensemble: Path, tmp_path: Path
) -> None:
    """A member that kept photos smaller sees them as it did, also beside a larger one."""
    whole = shutil.copytree(ensemble, tmp_path / "sizes")
    name = json.loads((whole / "card.json").read_text())["ensemble"]["members"][-1]["name"]
    path = whole / "members" / name / "card.json"
    path.write_text(path.read_text().replace('"store_size": 72', '"store_size": 36'))
    loaded = load_predictor(whole)
    assert (loaded.store_size, loaded.members[-1].store_size) == (72, 36)
    found = loaded.predict_photos(photos[:4])
    small = np.stack([resize_photo(photo, 36) for photo in photos[:4]])
    for member, given in zip(loaded.members, (photos[:4], photos[:4], small), strict=True):
        own = member.predict_photos(given)
        said = found.members[loaded.members.index(member)]
        np.testing.assert_array_equal(said.position_m, own.position_m)
    assert not np.allclose(
        found.members[-1].position_m, loaded.members[-1].predict_photos(photos[:4]).position_m
    )


def test_damage_is_named(ensemble: Path, trio: tuple[Path, ...], tmp_path: Path) -> None:
    def broken() -> Path:
        shutil.rmtree(tmp_path / "broken", ignore_errors=True)
        return shutil.copytree(ensemble, tmp_path / "broken")

    shutil.rmtree(broken() / "members" / "b")
    with pytest.raises(CheckpointError, match="b"):
        load_predictor(tmp_path / "broken")
    weights = next((broken() / "members" / "b").glob("model-*"))
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="damaged"):
        load_predictor(tmp_path / "broken")
    shutil.rmtree(broken() / "members" / "b")
    shutil.copytree(trio[0], tmp_path / "broken" / "members" / "b")
    with pytest.raises(CheckpointError, match="is not the member that"):
        load_predictor(tmp_path / "broken")


def test_a_card_that_contradicts_itself_is_refused(ensemble: Path, tmp_path: Path) -> None:
    path = shutil.copytree(ensemble, tmp_path / "odd") / "card.json"
    content = json.loads(path.read_text())
    content["ensemble"]["members"][0]["weight"] = 0.99
    path.write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match="add up to 1"):
        read_card(path.parent)
    del content["ensemble"]
    path.write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match="schema version 2"):
        read_card(path.parent)


def test_a_single_networks_card_says_nothing_of_ensembles(trio: tuple[Path, ...]) -> None:
    content = json.loads((trio[0] / "card.json").read_text())
    assert content["schema_version"] == 1
    assert "ensemble" not in content


def test_an_ensemble_is_no_single_network(
    ensemble: Path, loaded: Predictor, photos: NDArray[np.uint8]
) -> None:
    with pytest.raises(CheckpointError, match="is an ensemble"):
        load_checkpoint(ensemble)
    with pytest.raises(ConfigError, match="one of its members"):
        attribute(loaded, photos[0], "occlusion", "region")
    attribute(loaded.members[1], photos[0], "occlusion", "region")


def test_members_without_gallery_answer_raw(
    shared_campus: Path, trio: tuple[Path, ...], tmp_path: Path
) -> None:
    bare = make_checkpoint(tmp_path / "bare", shared_campus, refine=None, seed=9)
    config = EnsembleConfig(members=(bare, trio[1]), out=tmp_path / "x", dataset=shared_campus)
    made = make_ensemble(config)
    assert made.about.lead == "b"
    assert load_predictor(made.folder).gallery is not None
