"""Photos with a tag are left out of the training part, and of nothing else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core.crossval.folder import begin, same_labels
from core.crossval.run import data_hash, read_labels
from core.crossval.schema import CrossvalConfig
from core.dataset.tags import change_tags
from core.errors import ConfigError, RunError
from core.evaluation.evaluate import evaluate
from core.evaluation.schema import EvaluateConfig
from core.model.card import LeftOutCard, read_card
from core.retrieval.gallery import Gallery
from core.splits.split import Split
from core.training.data import TrainingData, read_training_data
from core.training.fit import fit
from core.training.run_folder import RunFolder
from core.training.schema import TrainConfig

TinyRun = Callable[..., TrainConfig]


def _photos(data: TrainingData, part: str) -> list[str]:
    return data.dataset.table["photo_id"].iloc[data.rows[part]].tolist()


@pytest.fixture
def whole(small_campus: Path, tiny_run: TinyRun, tmp_path: Path) -> TrainingData:
    return read_training_data(tiny_run(tmp_path / "whole", dataset=small_campus), 32)


@pytest.fixture
def config(
    small_campus: Path, tiny_run: TinyRun, whole: TrainingData, tmp_path: Path
) -> TrainConfig:
    """Options that leave out the tag `mirror`, which three training and two test photos have."""
    tagged = _photos(whole, "train")[:3] + _photos(whole, "test")[:2]
    change_tags(small_campus, tagged, add="mirror")
    change_tags(small_campus, _photos(whole, "train")[5:6], add="sunny")
    return tiny_run(tmp_path / "run", dataset=small_campus, leave_out_tags=("mirror",))


def test_only_the_training_part_lacks_them(config: TrainConfig, whole: TrainingData) -> None:
    data = read_training_data(config, 32)
    assert data.split.hash == whole.split.hash
    assert _photos(data, "train") == _photos(whole, "train")[3:]
    assert len(data.gallery_rows) == len(whole.gallery_rows) - 3
    for part in ("val", "test"):
        assert _photos(data, part) == _photos(whole, part)
    notes = data.notes(10.0)
    assert "3 photos with the tag mirror are left out of training; the split is unchanged" in notes
    sizes = f"spot split: {len(whole.rows['train']) - 3} train"
    assert any(sizes in note for note in notes)


def test_a_resumed_run_leaves_out_the_recorded_photos(
    config: TrainConfig, whole: TrainingData
) -> None:
    recorded = LeftOutCard(tags=("mirror",), photos=tuple(_photos(whole, "train")[:3]))
    same = read_training_data(config, 32, recorded=recorded)
    assert same.left_out == recorded
    assert same.left_out_now is None
    change_tags(config.dataset, _photos(whole, "train")[:2], remove="mirror")
    data = read_training_data(config, 32, recorded=recorded)
    assert _photos(data, "train") == _photos(whole, "train")[3:]
    assert any("today 1 photos of the training part" in note for note in data.notes(10.0))


def test_unknown_tags_and_an_empty_training_part_are_refused(
    config: TrainConfig, whole: TrainingData
) -> None:
    unknown = config.model_copy(update={"leave_out_tags": ("mirrored",)})
    with pytest.raises(ConfigError, match=r"no photo has the tag mirrored: .* has mirror, sunny"):
        read_training_data(unknown, 32)
    change_tags(config.dataset, _photos(whole, "train"), add="mirror")
    with pytest.raises(ConfigError, match="photos of the training part have the tag mirror"):
        read_training_data(config, 32)


def test_run_card_and_report_say_which_photos(config: TrainConfig, whole: TrainingData) -> None:
    list(fit(config))
    left_out = tuple(sorted(_photos(whole, "train")[:3]))
    run = RunFolder(path=config.run)
    assert run.left_out() == LeftOutCard(tags=("mirror",), photos=left_out)
    assert read_card(run.best).left_out == run.left_out()
    gallery = Gallery.load(run.best).photo_ids
    assert set(gallery).isdisjoint(left_out)
    assert len(gallery) == len(whole.gallery_rows) - 3
    assert "3 photos with the tag mirror are left out" in (config.run / "log.txt").read_text()
    found = evaluate(EvaluateConfig(run=config.run, split="train", plots=False))
    assert "3 photos with the tag mirror are left out of training." in found.report.notes
    assert found.report.seen_in_training == len(whole.rows["train"]) - 3
    seen = found.table.set_index("photo_id")["seen_in_training"]
    assert not seen[list(left_out)].any()
    assert Split.from_json(run.read_json("split.json")).hash == whole.split.hash


def test_folds_of_other_tags_are_not_pooled(config: TrainConfig, tmp_path: Path) -> None:
    values = {name: getattr(config, name) for name in TrainConfig.model_fields}
    folds = CrossvalConfig.model_validate(values | {"run": tmp_path / "cv"})
    assert folds.of_fold(1).leave_out_tags == ("mirror",)
    begin(folds)
    dataset = read_labels(folds)
    same_labels(folds.out, data_hash(folds, dataset))
    same_labels(folds.out, data_hash(folds, dataset))
    change_tags(folds.dataset, ["images/img_0000.jpg", "images/img_0001.jpg"], add="sunny")
    same_labels(folds.out, data_hash(folds, dataset))
    change_tags(folds.dataset, dataset.table["photo_id"].tolist(), add="mirror")
    with pytest.raises(RunError, match="tags that leave photos out"):
        same_labels(folds.out, data_hash(folds, dataset))
