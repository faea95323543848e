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

from core.errors import ConfigError, LabelError, RunError
from core.locks import LockHeld, hold
from core.training.fit import fit
from core.training.interrupt import TrainingInterrupted
from core.training.run_folder import RunFolder
from core.tuning.folder import StudyFolder
from core.tuning.results import StudyView, importances, read_study
from core.tuning.schema import TuneConfig
from core.tuning.study import check_data, conduct
from core.tuning.trials import read_trials
from tests.inline_jobs import Inline
from tests.stripped_demo import stripped_demo

TinyStudy = Callable[..., TuneConfig]


def search(config: TuneConfig) -> StudyView:
    """Conduct a study to its end."""
    for _ in conduct(config):
        pass
    return read_study(config.study)


def _begin(config: TuneConfig) -> StudyFolder:
    folder = StudyFolder.of(config)
    folder.begin(config)
    return folder


@pytest.fixture(scope="module")
def searched(tiny_study: TinyStudy, tmp_path_factory: pytest.TempPathFactory) -> StudyView:
    config = tiny_study(tmp_path_factory.mktemp("searched") / "study", sampler="tpe", trials=4)
    with pytest.MonkeyPatch.context() as patch:
        Inline().put_in(patch)
        return search(config)


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
    # Trials are not exported; a run of one's own is.
    own = {"run": tmp_path / "own", "command": "", "export_onnx": True}
    assert options == trained.model_copy(update=own)
    table = searched.table()
    assert list(table.columns[:4]) == ["trial", "state", "score", "epochs"]
    assert len(table) == 4


def test_the_test_part_decides_nothing(
    make_campus: Callable[..., Path], tiny_study: TinyStudy, tmp_path: Path, inline: Inline
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
        found.append((search(config).trials, StudyFolder.of(config).identity()))
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
    assert folder.read().trials == 9
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
    assert folder.read() == config.model_copy(update={"train": old})
    path.write_text('{"name": "a"}')
    with pytest.raises(RunError, match="is damaged"):
        folder.read()


def test_a_backbone_that_does_not_exist_costs_no_trial(
    tiny_study: TinyStudy, tmp_path: Path
) -> None:
    from core.tuning.space import Distribution

    space = {"model.backbone": Distribution(choices=("test_resnet", "resnet_of_dreams"))}
    folder = _begin(tiny_study(tmp_path / "study", space=space))
    with pytest.raises(Exception, match="resnet_of_dreams"):
        search(folder.read())
    assert read_trials(folder.path) == []


def test_bad_labels_stop_the_study_and_cost_no_trial(
    small_campus: Path, tiny_study: TinyStudy, tmp_path: Path
) -> None:
    folder = _begin(tiny_study(tmp_path / "study", small_campus))
    (small_campus / "labels.csv").write_text("filename,angle\nimg_0000.jpg,3\n")
    with pytest.raises(LabelError):
        search(folder.read())
    assert read_trials(folder.path) == []


def test_a_study_of_what_nobody_labelled_costs_no_trial(
    shared_campus: Path, tiny_study: TinyStudy, tmp_path: Path
) -> None:
    root = stripped_demo(tmp_path / "campus", "positions", demo=shared_campus)
    folder = _begin(tiny_study(tmp_path / "study", root, monitor="maae_deg"))
    with pytest.raises(ConfigError, match="no validation photo has a heading: take monitor score"):
        search(folder.read())
    assert read_trials(folder.path) == []
    check_data(folder, tiny_study(tmp_path / "study", root, monitor="score"), _ignore)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RunError("the loss is no number in epoch 1, step 2"), "no number in epoch 1, step 2"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "--batch-size 8 (now 16)"),
        (MemoryError("12 GiB"), "--batch-size 8 (now 16)"),
    ],
)
def test_a_failing_trial_says_why_and_the_search_goes_on(
    error: Exception, said: str, tiny_study: TinyStudy, tmp_path: Path, inline: Inline
) -> None:
    inline.fit = failing(error, "0000")
    view = search(tiny_study(tmp_path / "study", trials=2))
    assert [trial.state for trial in view.trials] == ["failed", "finished"]
    assert said in view.trials[0].reason
    assert view.trials[0].value is None


def failing(error: BaseException, *names: str) -> Callable[..., Iterator[object]]:
    """Training that fails in its second epoch, in the runs of these names or in all of them."""

    def train(config: Any, resume: bool = False) -> Iterator[object]:  # noqa: ANN401 - TrainConfig
        if names and config.run.name not in names:
            return fit(config, resume)
        return torn(config, resume)

    def torn(config: Any, resume: bool) -> Iterator[object]:  # noqa: ANN401 - TrainConfig
        with pytest.MonkeyPatch.context() as patch:

            def torn_event(run: RunFolder, event: dict[str, Any]) -> None:
                raise error

            patch.setattr(RunFolder, "append_event", torn_event)
            yield from fit(config, resume)

    return train


def test_an_error_of_the_data_ends_the_study_and_costs_no_trial(
    tiny_study: TinyStudy, tmp_path: Path, inline: Inline
) -> None:
    inline.fit = failing(LabelError("labels.csv is gone"))
    config = tiny_study(tmp_path / "study", trials=2)
    with pytest.raises(RunError, match=r"labels\.csv is gone"):
        search(config)
    assert [trial.state for trial in read_trials(config.study)] == ["running"]
    inline.fit = fit
    assert search(config).counts == {"finished": 2}


def test_a_search_without_hope_is_given_up(
    tiny_study: TinyStudy, tmp_path: Path, inline: Inline
) -> None:
    inline.fit = failing(RuntimeError("CUDA out of memory"))
    config = tiny_study(tmp_path / "study", trials=20)
    with pytest.raises(
        RunError, match=r"3 trials in a row failed alike: .*the memory does not suffice"
    ):
        search(config)
    assert read_study(config.study).counts == {"failed": 3}


def test_a_pruned_trial_ends_its_run_cleanly(
    tiny_study: TinyStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inline: Inline
) -> None:
    class Third(optuna.pruners.BasePruner):
        def prune(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> bool:
            return trial.number == 2 and trial.last_step == 1

    monkeypatch.setattr("core.tuning.sampling.make_pruner", lambda config: Third())
    view = search(tiny_study(tmp_path / "study"))
    assert [trial.state for trial in view.trials] == ["finished", "finished", "pruned"]
    status = RunFolder(path=view.run(2)).status()
    assert status is not None
    # Its run had gone further before it was stopped; the epochs after its end do not count.
    assert (status.state, view.trials[2].epochs) == ("cancelled", 1)
    assert "pruned after epoch 1" in status.message
    assert view.best is not None
    assert view.best.number != 2


def test_a_stopped_study_goes_on_to_the_same_figures(
    tiny_study: TinyStudy, searched: StudyView, tmp_path: Path, inline: Inline
) -> None:
    """Stopped in the first epoch of its first trial, and gone on with."""
    config = tiny_study(tmp_path / "study", sampler="tpe", trials=4)
    folder = StudyFolder.of(config)

    def stopped(options: Any, resume: bool = False) -> Iterator[object]:  # noqa: ANN401
        for report in fit(options, resume):
            folder.job.request_stop()
            folder.run(0).request_stop()
            yield report

    inline.fit = stopped
    with pytest.raises(TrainingInterrupted, match="after 0 of 4 trials"):
        search(config)
    assert [trial.state for trial in read_trials(folder.path)] == ["running"]
    inline.fit = fit
    assert facts(search(config)) == facts(searched)


def facts(view: StudyView) -> list[tuple[object, ...]]:
    """What came of every trial."""
    return [(t.number, t.state, t.value, t.epochs, dict(t.values)) for t in view.trials]


def test_an_epoch_that_was_saved_but_not_told_is_reported(
    tiny_study: TinyStudy, searched: StudyView, tmp_path: Path, inline: Inline
) -> None:
    config = tiny_study(tmp_path / "study", sampler="tpe", trials=4)
    real = RunFolder.append_event

    def killed(run: RunFolder, event: dict[str, Any]) -> None:
        if event["epoch"] == 2:
            raise KeyboardInterrupt
        real(run, event)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunFolder, "append_event", killed)
        with pytest.raises(RunError, match="KeyboardInterrupt"):
            search(config)
    assert facts(search(config)) == facts(searched)


def test_a_study_has_one_conductor(tiny_study: TinyStudy, tmp_path: Path) -> None:
    config = tiny_study(tmp_path / "study")
    with hold(config.study), pytest.raises(LockHeld):
        search(config)


def _ignore(done: int, total: int) -> None:
    """Nobody waits."""


def test_a_trial_that_somebody_trains_by_hand_is_waited_for(
    tiny_study: TinyStudy, tmp_path: Path, inline: Inline
) -> None:
    config = tiny_study(tmp_path / "study", trials=2)
    inline.fit = failing(KeyboardInterrupt(), "0000")
    with pytest.raises(RunError, match="KeyboardInterrupt"):
        search(config)
    # The queue starts nothing in a folder that somebody holds.
    run = StudyFolder.of(config).run(0)
    by_hand = list(fit(run.config(), True))
    assert by_hand[-1].epoch == 2
    inline.fit = fit
    assert search(config).counts == {"finished": 2}
    assert "0000" not in inline.environments or inline.environments.keys() == {"0000", "0001"}
