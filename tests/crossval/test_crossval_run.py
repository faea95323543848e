"""A cross-validation that is stopped, killed and resumed ends as an undisturbed one."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from core.crossval.folder import fold_run, read_config
from core.crossval.report import read_crossval, read_report
from core.crossval.run import cross_validate
from core.errors import BearingsError, ConfigError, RunError
from core.locks import LockHeld, hold
from core.model.card import read_card
from core.training.fit import fit
from core.training.interrupt import TrainingInterrupted
from core.training.run_folder import EpochReport
from tests.crossval.conftest import tiny_crossval

PROJECT = Path(__file__).resolve().parents[2]
PATIENCE_S = 300.0


def weights_of(out: Path) -> list[str]:
    """Names, by content, of the weights of every fold."""
    return [read_card(fold_run(out, number).best).weights for number in range(3)]


def wait_for(path: Path) -> None:
    """Wait until a file is there."""
    deadline = time.monotonic() + PATIENCE_S
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.05)


def test_a_fold_is_the_run_that_train_makes(
    shared_campus: Path, shared_crossval: Path, tmp_path: Path
) -> None:
    config = tiny_crossval(shared_campus, tmp_path / "cv").of_fold(1)
    for _ in fit(config):
        pass
    assert read_card(fold_run(tmp_path / "cv", 1).best).weights == weights_of(shared_crossval)[1]


@pytest.mark.slow
@pytest.mark.usefixtures("forks")
def test_a_stopped_crossval_goes_on_exactly(
    shared_campus: Path, shared_crossval: Path, tmp_path: Path
) -> None:
    config = tiny_crossval(shared_campus, tmp_path / "cv")

    def stop_in_fold_1(number: int, report: EpochReport) -> None:
        if (number, report.epoch) == (1, 1):
            (config.out / "stop").touch()

    with pytest.raises(
        TrainingInterrupted, match=r"[12] of 3 folds trained; .*crossval --out .* --resume"
    ):
        cross_validate(config, on_epoch=stop_in_fold_1)
    found = read_crossval(config.out)
    assert (found.state, found.report) == ("cancelled", None)
    states = [fold.state for fold in found.folds]
    # The fold goes on while the request is passed on to it, and may come to its end.
    assert states in (["finished", "cancelled", "cancelled"], ["finished", "finished", "cancelled"])
    assert not (config.out / "stop").exists()
    assert not (fold_run(config.out, 1).path / "stop").exists()
    first = (fold_run(config.out, 0).path / "events.jsonl").stat().st_mtime_ns
    cross_validate(read_config(config.out), resume=True)
    assert read_crossval(config.out).state == "finished"
    assert (fold_run(config.out, 0).path / "events.jsonl").stat().st_mtime_ns == first
    assert weights_of(config.out) == weights_of(shared_crossval)
    told, undisturbed = read_report(config.out), read_report(shared_crossval)
    assert told.summary == undisturbed.summary
    assert told.pooled == undisturbed.pooled


@pytest.mark.slow
@pytest.mark.usefixtures("forks")
def test_a_killed_crossval_goes_on_exactly(
    shared_campus: Path, shared_crossval: Path, tmp_path: Path
) -> None:
    config = tiny_crossval(shared_campus, tmp_path / "cv")
    command = [sys.executable, "-m", "core", "crossval"]
    process = subprocess.Popen(
        [*command, "--config", "-"], stdin=subprocess.PIPE, cwd=PROJECT, start_new_session=True
    )
    assert process.stdin is not None
    process.stdin.write(config.model_dump_json().encode())
    process.stdin.close()
    wait_for(fold_run(config.out, 1).path / "events.jsonl")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert read_crossval(config.out).state in {"lost", "finished"}
    again = [*command, "--out", str(config.out), "--resume"]
    subprocess.run(again, cwd=PROJECT, check=True, timeout=PATIENCE_S)
    assert weights_of(config.out) == weights_of(shared_crossval)
    assert read_report(config.out).summary == read_report(shared_crossval).summary


@pytest.mark.usefixtures("inline")
@pytest.mark.parametrize("protocol", ["visit", "region", "random", "block"])
def test_other_protocols_pool_every_photo(
    shared_campus: Path, tmp_path: Path, protocol: str
) -> None:
    split = {"protocol": protocol, "folds": 2, "cell_m": 20, "buffer_m": 5}
    config = tiny_crossval(shared_campus, tmp_path / "cv", split=split, stage2={"epochs": 1})
    report = cross_validate(config)
    assert report.pooled.n == 48
    assert report.untested == {}
    assert (report.pooled.region is None) == (protocol == "region")
    assert ("region.accuracy" in report.summary) == (protocol != "region")
    assert any("hold no date" in note for note in report.notes) == (protocol == "visit")


@pytest.mark.usefixtures("inline")
def test_a_region_of_one_spot_is_tested_by_no_fold_and_the_report_says_so(
    small_campus: Path, tmp_path: Path
) -> None:
    labels = pd.read_csv(small_campus / "labels.csv")
    alone = labels["Region_ID"] == 4
    labels.loc[alone, ["latitude", "longitude"]] = (
        labels.loc[alone, ["latitude", "longitude"]].iloc[0].to_numpy()
    )
    labels.to_csv(small_campus / "labels.csv", index=False)
    config = tiny_crossval(
        small_campus, tmp_path / "cv", split={"folds": 2}, stage2={"epochs": 1}, plots=True
    )
    report = cross_validate(config)
    assert report.pooled.n == 36
    assert len(report.untested) == 12
    assert "12 of 48 photos are tested by no fold" in " ".join(report.notes)
    assert len(list((config.out / "plots").glob("*.png"))) == 5


def test_folds_of_other_labels_are_not_pooled(finished: Path, small_campus: Path) -> None:
    labels = pd.read_csv(small_campus / "labels.csv")
    labels.loc[7, "angle"] = 123.0
    labels.to_csv(small_campus / "labels.csv", index=False)
    config = read_config(finished).model_copy(update={"dataset": small_campus})
    with pytest.raises(RunError, match="are no longer those"):
        cross_validate(config, resume=True)


def test_other_options_and_other_folders_are_refused(finished: Path, tmp_path: Path) -> None:
    config = read_config(finished)
    with pytest.raises(RunError, match=r"other options \(batch_size\)"):
        cross_validate(config.model_copy(update={"batch_size": 8}), resume=True)
    with pytest.raises(RunError, match="is not empty"):
        cross_validate(config)
    with pytest.raises(RunError, match="holds no cross-validation"):
        cross_validate(config.model_copy(update={"run": tmp_path / "nowhere"}), resume=True)


def test_a_folder_at_work_is_refused(finished: Path) -> None:
    with hold(finished), pytest.raises(LockHeld, match="in use"):
        cross_validate(read_config(finished), resume=True)
    assert read_crossval(finished).state == "finished"


def test_a_protocol_that_does_not_fit_fails_before_any_training(
    shared_campus: Path, tmp_path: Path
) -> None:
    split = {"protocol": "region", "folds": 5}
    config = tiny_crossval(shared_campus, tmp_path / "cv", split=split)
    with pytest.raises(BearingsError, match="4 regions cannot be 5 folds"):
        cross_validate(config)
    assert read_crossval(config.out).state == "failed"
    assert not fold_run(config.out, 0).path.exists()
    # The same folder serves once the mistake is mended.
    shutil.rmtree(config.out / "fold-0", ignore_errors=True)
    with pytest.raises(BearingsError, match="3 folds"):
        cross_validate(tiny_crossval(tmp_path / "no 3 folds", tmp_path / "cv"))


def test_several_processes_are_refused(
    shared_campus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="without torchrun"):
        cross_validate(tiny_crossval(shared_campus, tmp_path / "cv"))
    assert not (tmp_path / "cv").exists()
