"""Models of different splits, judged on the photos that are test photos of both."""

import shutil
from pathlib import Path

import pytest

from core.comparison.common_photos import common_photos, held_out, models_on_common_photos
from core.comparison.compare import compare_all
from core.dataset.labels import read_dataset
from core.errors import ConfigError
from core.evaluation.evaluate import evaluate
from core.evaluation.schema import CompareConfig, EvaluateConfig
from core.splits.split import Split
from tests.tiny_checkpoint import make_checkpoint, stored_split, with_split


@pytest.fixture(scope="module")
def models(shared_campus: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two networks without a gallery, of different splits."""
    root = tmp_path_factory.mktemp("common")
    first = make_checkpoint(root / "first", shared_campus, refine=None)
    second = make_checkpoint(root / "second", shared_campus, refine=None, seed=1)
    split = stored_split(first)
    tested = sorted(photo for photo, part in split.parts.items() if part == "test")
    trained = sorted(photo for photo, part in split.parts.items() if part == "train")
    moved = dict.fromkeys(tested[:2], "train") | dict.fromkeys(trained[:2], "test")
    with_split(second, Split("spot", 1, None, None, split.parts | moved))  # type: ignore[arg-type]
    return {"first": first, "second": second}


def test_models_of_two_splits_are_compared_on_the_test_photos_of_both(
    models: dict[str, Path], shared_campus: Path
) -> None:
    dataset = read_dataset(shared_campus)
    found = common_photos(models, dataset)
    tests = [
        {photo for photo, part in stored_split(folder).parts.items() if part == "test"}
        for folder in models.values()
    ]
    assert found.photo_ids == tests[0] & tests[1]
    assert 0 < len(found.photo_ids) < len(tests[0])
    assert found.missing == ("first", "second")
    with pytest.raises(ConfigError, match="first, second must be evaluated"):
        models_on_common_photos(found)
    for name in found.missing:
        part = found.held_out[name].part
        evaluate(EvaluateConfig(run=models[name], dataset=shared_campus, split=part, plots=False))
    found = common_photos(models, dataset)
    assert found.missing == ()
    judged = models_on_common_photos(found)
    assert [set(model.table["photo_id"]) for model in judged] == [found.photo_ids] * 2
    compared = compare_all(judged, CompareConfig(draws=200))
    assert compared.unranked == {}
    assert compared.pairs[0].photos == len(found.photo_ids)


def test_no_photo_in_common_is_refused_in_a_sentence(
    models: dict[str, Path], shared_campus: Path, tmp_path: Path
) -> None:
    dataset = read_dataset(shared_campus)
    split = stored_split(models["first"])
    swapped = {"train": "test", "test": "train"}
    parts = {photo: swapped.get(part, part) for photo, part in split.parts.items()}
    other = Path(shutil.copytree(models["second"], tmp_path / "other"))
    with_split(other, Split("spot", 9, None, None, parts))  # type: ignore[arg-type]
    found = common_photos({"first": models["first"], "other": other}, dataset)
    assert found.refusal is not None
    assert "is a test photo of both models" in found.refusal
    with pytest.raises(ConfigError, match="the same split and seed"):
        models_on_common_photos(found)


def test_every_photo_of_a_place_that_a_model_has_never_seen_may_judge_it(
    checkpoint: Path, shared_campus: Path, tmp_path: Path
) -> None:
    dataset = read_dataset(shared_campus)
    own = held_out(checkpoint, dataset)
    assert own.part == "test"
    assert 0 < len(own.photo_ids) < len(dataset)
    moved = Path(shutil.copytree(shared_campus, tmp_path / "moved"))
    labels = moved / "labels.csv"
    rows = labels.read_text(encoding="utf-8").splitlines()
    header = rows[0].split(",")
    column = header.index("latitude")
    far = [row.split(",") for row in rows[1:]]
    for row in far:
        row[column] = str(float(row[column]) + 0.01)
    labels.write_text("\n".join([rows[0], *map(",".join, far)]) + "\n", encoding="utf-8")
    other = held_out(checkpoint, read_dataset(moved))
    assert other.part == "all"
    assert len(other.photo_ids) == len(dataset)
