"""Planted leaks: a fold that learnt from its test part is refused, and named."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.crossval.fold_result import (
    FOLD_PREDICTIONS,
    LeakError,
    fold_report,
    read_fold_predictions,
)
from core.crossval.folder import CONFIG, fold_run, read_config
from core.crossval.run import aggregate_folder
from core.dataset.labels import Dataset, read_dataset
from core.files import write_json
from core.model.card import read_card, write_card
from core.model.normaliser import Normaliser
from core.options import merged, removed_values
from core.retrieval.gallery import Gallery
from core.splits import stratified_groups
from core.splits.split import Split
from core.training.run_folder import RunFolder

PLANTED = 1


@pytest.fixture
def run(finished: Path) -> RunFolder:
    """The run of the fold that leaks."""
    return fold_run(finished, PLANTED)


@pytest.fixture
def dataset(shared_campus: Path) -> Dataset:
    """The labels."""
    return read_dataset(shared_campus)


def refused(finished: Path, why: str) -> None:
    """Expect the fold to be refused by name, and nothing to be written."""
    (finished / "crossval.json").unlink()
    with pytest.raises(LeakError, match=rf"fold {PLANTED} \(.*\) is refused: .*{why}"):
        aggregate_folder(read_config(finished))
    assert not (finished / "crossval.json").exists()


def test_a_test_photo_in_the_gallery_is_caught(finished: Path, run: RunFolder) -> None:
    gallery = Gallery.load(run.best)
    test = run.read_json("split.json")["parts"]["test"]
    # As one written by another program would be: whole, with the right digest and split.
    replace(gallery, photo_ids=(test[0], *gallery.photo_ids[1:])).save(run.best)
    refused(finished, f"gallery holds 1 photos .*first: {test[0]} of the test part")


def test_a_test_photo_under_a_training_photos_name_is_caught(
    finished: Path, run: RunFolder, dataset: Dataset
) -> None:
    gallery, card = Gallery.load(run.best), read_card(run.best)
    test = Split.from_json(run.read_json("split.json")).rows(dataset, "test")
    position_m = gallery.position_m.copy()
    position_m[3] = card.local_frame.to_metres(dataset.positions[test[:1]])[0] + [0.5, 0.0]
    replace(gallery, position_m=position_m).save(run.best)
    refused(finished, f"have other labels than the data set .*{gallery.photo_ids[3]}")


def test_a_normaliser_fitted_on_all_photos_is_caught(
    finished: Path, run: RunFolder, dataset: Dataset
) -> None:
    card = read_card(run.best)
    everyone = card.local_frame.to_metres(dataset.positions)
    centre = Normaliser.fit(everyone)
    assert centre != card.normaliser
    write_card(run.best, card.model_copy(update={"normaliser": centre}))
    refused(finished, "positions are scaled by")


def test_a_split_that_is_not_the_labels_is_caught(finished: Path, run: RunFolder) -> None:
    split = Split.from_json(run.read_json("split.json"))
    test, train = (
        next(photo for photo, own in split.parts.items() if own == part)
        for part in ("test", "train")
    )
    swapped = replace(split, parts=split.parts | {test: "train", train: "test"})
    run.write_json("split.json", swapped.to_json())
    refused(finished, "its split.json belongs to split")


def test_folds_begun_before_splits_had_calibrate_are_pooled(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stratified_groups, "FEWEST_PHOTOS", 1)
    monkeypatch.setattr(stratified_groups, "FEWEST_GROUPS", 1)
    (finished / "crossval.json").unlink()
    report = aggregate_folder(read_config(finished))
    assert report.pooled.n == 48
    assert all(fold.photos["calibrate"] == 0 for fold in report.folds)


def test_a_whole_fold_of_another_split_is_caught(finished: Path, run: RunFolder) -> None:
    shutil.rmtree(run.path)
    shutil.copytree(fold_run(finished, 0).path, run.path)
    refused(finished, r"trained with other options \(split\.fold\)")


def test_old_folds_are_pooled_with_the_removed_options_that_all_of_them_used(
    finished: Path, run: RunFolder
) -> None:
    used: dict[str, Any] = {"mixup_alpha": 0.2, "augment": {"hue_deg": 20.0}}
    whole = json.loads((finished / CONFIG).read_text())
    write_json(finished / CONFIG, {**whole, "config": merged(whole["config"], used)})
    for number in range(3):
        path = fold_run(finished, number).path / "config.json"
        write_json(path, merged(json.loads(path.read_text()), used))
    config = read_config(finished)
    assert removed_values(config.of_fold(1)) == {"mixup_alpha": 0.2, "augment.hue_deg": 20.0}
    assert aggregate_folder(config).pooled.n == 48
    one = json.loads((run.path / "config.json").read_text())
    write_json(run.path / "config.json", one | {"mixup_alpha": 0.4})
    refused(finished, r"other options \(mixup_alpha, which was removed\)")


def test_a_fold_of_other_options_is_caught(finished: Path, run: RunFolder) -> None:
    config = json.loads((run.path / "config.json").read_text())
    write_json(run.path / "config.json", config | {"batch_size": 8})
    refused(finished, r"other options \(batch_size\)")


def test_answers_for_other_photos_are_caught(finished: Path, run: RunFolder) -> None:
    config = read_config(finished)
    folder = fold_report(config, run)
    theirs = fold_report(config, fold_run(finished, 0))
    assert read_fold_predictions(folder).photo_ids != read_fold_predictions(theirs).photo_ids
    content = (theirs / FOLD_PREDICTIONS).read_bytes()
    weights = [read_card(fold_run(finished, each).best).weights for each in (0, PLANTED)]
    assert len(weights[0]) == len(weights[1])
    hashes = [fold_run(finished, each).read_json("split.json")["hash"] for each in (0, PLANTED)]
    content = content.replace(weights[0].encode(), weights[1].encode())
    (folder / FOLD_PREDICTIONS).write_bytes(content.replace(hashes[0].encode(), hashes[1].encode()))
    (finished / "crossval.json").unlink()
    with pytest.raises(LeakError, match=rf"fold {PLANTED} .*predicts \d+ photos"):
        aggregate_folder(read_config(finished))


def test_an_honest_fold_passes(finished: Path) -> None:
    report = aggregate_folder(read_config(finished))
    assert [each.fold for each in report.folds] == [0, 1, 2]
    assert all(np.isfinite(each.seconds) for each in report.folds)
