"""Trials as runs: how each one ends, what it may see, and what a study refuses."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.trial import TrialState

from core.errors import LabelError, RunError
from core.locks import hold
from core.training.interrupt import TrainingInterrupted
from core.training.run_folder import RunFolder
from core.tuning import trial as trial_module
from core.tuning.folder import StudyFolder
from core.tuning.identity import check_data
from core.tuning.reading import StudyView, importances, read_study
from core.tuning.schema import TuneConfig
from core.tuning.storage import open_study, trials_of
from core.tuning.worker import work

TinyStudy = Callable[..., TuneConfig]


def _begin(config: TuneConfig) -> StudyFolder:
    folder = StudyFolder.of(config)
    folder.begin(config)
    return folder


@pytest.fixture(scope="module")
def searched(tiny_study: TinyStudy, tmp_path_factory: pytest.TempPathFactory) -> StudyView:
    config = tiny_study(tmp_path_factory.mktemp("searched") / "study", sampler="tpe", trials=4)
    assert work(_begin(config).path) == 4
    return read_study(config.study)


def test_every_trial_is_an_ordinary_finished_run(searched: StudyView) -> None:
    assert [trial.state for trial in searched.trials] == ["finished"] * 4
    for trial in searched.trials:
        run = RunFolder(path=searched.run(trial.number))
        status, config = run.status(), run.config()
        assert status is not None
        assert status.state == "finished"
        assert config.stage2.lr_heads == trial.values["stage2.lr_heads"]
        assert list(config.augment.crop_scale) == trial.values["augment.crop_scale"]
        best = [event for event in run.events() if event["best"]][-1]
        assert trial.value == best["validation"]["score"]
        assert trial.epochs == len(run.events()) == 2
    assert (
        len({RunFolder(path=searched.run(n)).read_json("split.json")["hash"] for n in range(4)})
        == 1
    )


def test_the_view_names_the_best_and_what_mattered(searched: StudyView, tmp_path: Path) -> None:
    best = searched.best
    assert best is not None
    assert best.value == min(trial.value or 9 for trial in searched.trials)
    assert searched.counts == {"finished": 4}
    assert searched.done == 4
    shares = importances(searched.path)
    assert set(shares) == set(searched.config.space)
    assert sum(shares.values()) == pytest.approx(1.0)
    options = searched.options(best.number, tmp_path / "own")
    trained = RunFolder(path=searched.run(best.number)).config()
    assert options == trained.model_copy(update={"run": tmp_path / "own", "command": ""})
    table = searched.table()
    assert list(table.columns[:4]) == ["trial", "state", "score", "epochs"]
    assert len(table) == 4


def test_the_test_part_decides_nothing(
    make_campus: Callable[..., Path], tiny_study: TinyStudy, tmp_path: Path
) -> None:
    """A search over a poisoned test part draws, trains and judges bit for bit the same."""
    clean = _with_official_parts(make_campus(tmp_path / "clean"))
    poisoned = tmp_path / "poisoned"
    shutil.copytree(clean, poisoned)
    _poison(poisoned)
    found = []
    for campus in (clean, poisoned):
        split = {"split": {"protocol": "official"}}
        config = tiny_study(
            tmp_path / f"study-{campus.name}", campus, train=split, trials=3, sampler="tpe"
        )
        work(_begin(config).path)
        folder = StudyFolder.of(config)
        found.append((read_study(config.study).trials, folder.identity()))
    (trials, identity), (poisoned_trials, poisoned_identity) = found
    assert [(t.value, dict(t.values)) for t in trials] == [
        (t.value, dict(t.values)) for t in poisoned_trials
    ]
    assert identity == poisoned_identity


def _with_official_parts(campus: Path) -> Path:
    labels = pd.read_csv(campus / "labels.csv")
    (campus / "labels.csv").unlink()
    kind = np.arange(len(labels)) % 6
    for part, chosen in (("train", kind < 4), ("val", kind == 4), ("test", kind == 5)):
        labels[chosen].to_csv(campus / f"labels_{part}.csv", index=False)
    return campus


def _poison(campus: Path) -> None:
    labels = pd.read_csv(campus / "labels_test.csv")
    others = labels.iloc[::-1].reset_index(drop=True)
    wrong = ["latitude", "longitude", "angle", "Region_ID", "timestamp"]
    labels[wrong] = others[wrong]
    labels["angle"] = (labels["angle"] + 90.0) % 360.0
    labels.to_csv(campus / "labels_test.csv", index=False)
    photos = [campus / "images" / name for name in labels["filename"]]
    content = [photo.read_bytes() for photo in photos]
    for photo, other in zip(photos, content[1:] + content[:1], strict=True):
        photo.write_bytes(other)


def test_a_study_refuses_another_split_and_other_labels(
    small_campus: Path, tiny_study: TinyStudy, tmp_path: Path
) -> None:
    config = tiny_study(tmp_path / "study", small_campus)
    folder = _begin(config)
    check_data(folder, config, _ignore)
    check_data(folder, config, _ignore)
    labels = pd.read_csv(small_campus / "labels.csv")
    turned = labels.assign(angle=(labels["angle"] + 1.0) % 360.0)
    turned.to_csv(small_campus / "labels.csv", index=False)
    with pytest.raises(RunError, match=r"labels of study .* have changed"):
        check_data(folder, config, _ignore)
    labels.iloc[4:].to_csv(small_campus / "labels.csv", index=False)
    with pytest.raises(RunError, match="begun with another split"):
        check_data(folder, config, _ignore)


def test_a_study_refuses_other_options_but_takes_more_trials(
    tiny_study: TinyStudy, tmp_path: Path
) -> None:
    config = tiny_study(tmp_path / "study")
    folder = _begin(config)
    folder.begin(config.model_copy(update={"trials": 9, "workers": 2}))
    assert folder.read().config.trials == 9
    assert folder.read().name == StudyFolder.of(config).read().name
    with pytest.raises(RunError, match=r"other options \(sampler, seed\)"):
        folder.begin(config.model_copy(update={"sampler": "tpe", "seed": 3}))
    with pytest.raises(RunError, match=r"train\.batch_size"):
        folder.begin(tiny_study(tmp_path / "study", train={"batch_size": 8}))


def test_options_that_an_old_study_does_not_say_mean_what_it_did(
    begun: tuple[StudyFolder, TuneConfig],
) -> None:
    folder, config = begun
    path = folder.path / "study.json"
    content = json.loads(path.read_text())
    del content["config"]["train"]["least_steps"]
    path.write_text(json.dumps(content))
    old = config.train.model_copy(update={"least_steps": 0})
    assert folder.read().config == config.model_copy(update={"train": old})
    path.write_text('{"name": "a"}')
    with pytest.raises(RunError, match="is damaged"):
        folder.read()


def test_a_backbone_that_does_not_exist_costs_no_trial(
    tiny_study: TinyStudy, tmp_path: Path
) -> None:
    from core.tuning.distribution import Distribution

    space = {"model.backbone": Distribution(choices=("test_resnet", "resnet_of_dreams"))}
    folder = _begin(tiny_study(tmp_path / "study", space=space))
    with pytest.raises(Exception, match="resnet_of_dreams"):
        work(folder.path)
    assert trials_of(open_study(folder, folder.read())) == []


def test_bad_labels_stop_the_study_and_cost_no_trial(
    small_campus: Path, tiny_study: TinyStudy, tmp_path: Path
) -> None:
    folder = _begin(tiny_study(tmp_path / "study", small_campus))
    (small_campus / "labels.csv").write_text("filename,angle\nimg_0000.jpg,3\n")
    with pytest.raises(LabelError):
        work(folder.path)
    assert trials_of(open_study(folder, folder.read())) == []


@pytest.mark.parametrize(
    "error",
    [
        RunError("the loss is no number in epoch 1, step 2"),
        RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
        MemoryError("12 GiB"),
    ],
)
def test_a_failing_trial_says_why_and_the_search_goes_on(
    error: Exception, tiny_study: TinyStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = trial_module.fit

    def sometimes(config: object, resume: bool = False) -> Iterator[object]:
        if str(getattr(config, "run", "")).endswith("0000"):
            raise error
        return real(config, resume)  # type: ignore[arg-type]

    monkeypatch.setattr(trial_module, "fit", sometimes)
    config = tiny_study(tmp_path / "study", trials=2)
    assert work(_begin(config).path) == 2
    view = read_study(config.study)
    assert [trial.state for trial in view.trials] == ["failed", "finished"]
    assert str(error) in view.trials[0].reason
    assert view.trials[0].value is None


def test_a_search_without_hope_is_given_up(
    tiny_study: TinyStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(config: object, resume: bool = False) -> Iterator[object]:
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(trial_module, "fit", never)
    config = tiny_study(tmp_path / "study", trials=20)
    with pytest.raises(RunError, match=r"3 trials in a row failed alike: .*out of memory"):
        work(_begin(config).path)
    assert read_study(config.study).counts == {"failed": 3}


def test_a_pruned_trial_ends_its_run_cleanly(
    tiny_study: TinyStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Third(optuna.pruners.BasePruner):
        def prune(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> bool:
            return trial.number == 2 and trial.last_step == 1

    monkeypatch.setattr("core.tuning.storage.make_pruner", lambda config: Third())
    config = tiny_study(tmp_path / "study")
    work(_begin(config).path)
    view = read_study(config.study)
    assert [trial.state for trial in view.trials] == ["finished", "finished", "pruned"]
    status = RunFolder(path=view.run(2)).status()
    assert status is not None
    assert (status.state, view.trials[2].epochs) == ("cancelled", 1)
    assert "pruned after epoch 1" in status.message
    assert view.best is not None
    assert view.best.number != 2


def test_a_stopped_trial_goes_on_to_the_same_figure(
    tiny_study: TinyStudy, searched: StudyView, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped before the end of its second epoch, and gone on with by another worker."""
    config = tiny_study(tmp_path / "study", sampler="tpe", trials=4)
    folder = _begin(config)
    real = trial_module.fit

    def stopped(config: object, resume: bool = False) -> Iterator[object]:
        epochs = real(config, resume)  # type: ignore[arg-type]
        for report in epochs:
            folder.run(0).request_stop()
            yield report

    monkeypatch.setattr(trial_module, "fit", stopped)
    with pytest.raises(TrainingInterrupted):
        work(folder.path)
    study = open_study(folder, folder.read())
    assert [trial.state for trial in trials_of(study)] == [TrialState.RUNNING]
    monkeypatch.undo()
    assert work(folder.path) == 4
    again = read_study(config.study)
    assert [(t.number, t.value, dict(t.values)) for t in again.trials] == [
        (t.number, t.value, dict(t.values)) for t in searched.trials
    ]


def test_an_epoch_that_was_saved_but_not_told_is_reported(
    tiny_study: TinyStudy, searched: StudyView, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny_study(tmp_path / "study", sampler="tpe", trials=4)
    folder = _begin(config)
    real = RunFolder.append_event

    def killed(run: RunFolder, event: dict[str, Any]) -> None:
        if event["epoch"] == 2:
            raise KeyboardInterrupt
        real(run, event)

    monkeypatch.setattr(RunFolder, "append_event", killed)
    with pytest.raises(KeyboardInterrupt):
        work(folder.path)
    monkeypatch.undo()
    assert work(folder.path) == 4
    assert [(t.number, t.value, t.epochs) for t in read_study(config.study).trials] == [
        (t.number, t.value, t.epochs) for t in searched.trials
    ]


def _ignore(done: int, total: int) -> None:
    """Nobody waits."""


def test_a_trial_that_somebody_trains_by_hand_is_told_when_they_are_done(
    tiny_study: TinyStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny_study(tmp_path / "study", trials=2)
    folder = _begin(config)
    real = trial_module.fit
    by_hand = hold(folder.run(0).path)

    def taken(config: object, resume: bool = False) -> Iterator[object]:
        if str(getattr(config, "run", "")).endswith("0000"):
            by_hand.__enter__()
        return real(config, resume)  # type: ignore[arg-type]

    monkeypatch.setattr(trial_module, "fit", taken)
    assert work(folder.path) == 1
    assert [trial.state for trial in read_study(config.study).trials] == ["running", "finished"]
    by_hand.__exit__(None, None, None)
    monkeypatch.undo()
    assert work(folder.path) == 1
    assert read_study(config.study).counts == {"finished": 2}
