"""Two processes started by torchrun learn what one learns, stop together and fail together."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from core.__main__ import main
from core.model.schema import LossConfig, ModelConfig
from core.training.fit import fit
from core.training.run_folder import RunFolder
from core.training.schema import SplitConfig, Stage1Config, Stage2Config, TrainConfig
from tests.forked import Forks
from tests.training import several_runs
from tests.training.launch import Ended, as_torchrun, ending, run, torchrun

pytestmark = pytest.mark.slow

TinyRun = Callable[..., TrainConfig]
# Sums of float32 in another order: 1.7e-7 was measured in losses and figures.
TOLERANCE = 1e-5
# AdamW makes steps of up to the learning rate of gradients that are nothing but rounding, as those
# of the bias of attention's keys: 3e-6 was measured.
WEIGHT_TOLERANCE = 2e-5
# No BatchNorm, whose statistics depend on the processes, and no dropout, whose draws do.
PARITY: dict[str, Any] = {
    "model": ModelConfig(
        backbone="test_vit",
        weights="random",
        input_size=32,
        region_dropout=0.0,
        position_dropout=0.0,
        heading_dropout=0.0,
        place_anchors=4,
    ),
    "loss": LossConfig(place_weight=0.3),
    # Named, because XFeat decides the size of the stored photos, hence what is learnt.
    "local_features": "sift",
    "gallery_points": 30,
    "stage1": Stage1Config(epochs=2, views=2),
    "stage2": Stage2Config(epochs=2),
    "ema_decay": 0.9,
    "clip_norm": 0.5,  # shorter than most gradients, so that the order of clipping matters
    "farthest_spreads": 1.3,  # so that some photos teach no position
    "least_steps": 4,  # 9 photos a step, 5 and 4 of a process
    "device": "cpu",
    "patience": 0,
}


def _command(config: TrainConfig, folder: Path) -> list[str]:
    """The words of the command line that trains a run."""
    folder.mkdir(parents=True, exist_ok=True)
    options = folder / "options.json"
    options.write_text(config.model_dump_json())
    return ["train", str(config.dataset), "--run", str(config.run), "--config", str(options)]


def _train(forks: Forks, config: TrainConfig, folder: Path) -> Ended:
    """Train by the command line in two processes."""
    words = _command(config, folder)
    return as_torchrun(forks, 2, folder, lambda: main(words))


@pytest.fixture(scope="module")
def alone(tiny_run: TinyRun, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of one process."""
    config = tiny_run(tmp_path_factory.mktemp("alone") / "run", **PARITY)
    list(fit(config))
    return RunFolder(path=config.run)


@pytest.fixture(scope="module")
def together(
    tiny_run: TinyRun, tmp_path_factory: pytest.TempPathFactory
) -> tuple[RunFolder, Ended]:
    """The same run in two processes, started by torchrun itself."""
    folder = tmp_path_factory.mktemp("together")
    config = tiny_run(folder / "run", **PARITY)
    ended = torchrun(2, "-m", "--", "core", *_command(config, folder))
    assert ended.returncode == 0, ended.stderr
    return RunFolder(path=config.run), ended


def _assert_same(alone: RunFolder, together: RunFolder) -> None:
    for one, two in zip(alone.events(), together.events(), strict=True):
        for part in ("train", "validation"):
            known = {name: value for name, value in one[part].items() if value is not None}
            assert {name for name, value in two[part].items() if value is not None} == set(known)
            assert {name: two[part][name] for name in known} == pytest.approx(
                known, rel=TOLERANCE, abs=1e-9
            )
        assert [two[name] for name in ("epoch", "step", "lr", "best")] == [
            one[name] for name in ("epoch", "step", "lr", "best")
        ]
    for which in ("best", "last"):
        one, two = (_weights(getattr(each, which)) for each in (alone, together))
        assert one.keys() == two.keys()
        for name, value in one.items():
            np.testing.assert_allclose(
                two[name], value, rtol=TOLERANCE, atol=WEIGHT_TOLERANCE, err_msg=name
            )


def _weights(folder: Path) -> dict[str, Any]:
    return load_file(folder / json.loads((folder / "card.json").read_text())["weights"])


def test_two_processes_learn_what_one_learns(
    alone: RunFolder, together: tuple[RunFolder, Ended]
) -> None:
    _assert_same(alone, together[0])
    best = json.loads((alone.best / "card.json").read_text())
    also = json.loads((together[0].best / "card.json").read_text())
    assert also["metrics"] == pytest.approx(best["metrics"], rel=TOLERANCE)
    assert also["refine"] == best["refine"]


def test_two_processes_learn_what_one_learns_from_partial_labels(
    tiny_run: TinyRun, small_campus: Path, tmp_path: Path, forks: Forks
) -> None:
    # Some steps give a process no heading, or no region, at all.
    table = pd.read_csv(small_campus / "labels.csv", dtype=str)
    table.loc[np.arange(48) % 6 != 0, "angle"] = ""
    table.loc[np.arange(48) % 4 != 1, "Region_ID"] = ""
    table.loc[np.arange(48) % 5 == 2, ["latitude", "longitude"]] = ""
    table.to_csv(small_campus / "labels.csv", index=False)
    changes = PARITY | {"dataset": small_campus, "split": SplitConfig(protocol="random")}
    changes |= {"allow_missing": True}
    alone, together = (tiny_run(tmp_path / name, **changes) for name in ("alone", "together"))
    list(fit(alone))
    ended = _train(forks, together, tmp_path / "options")
    assert ended.returncode == 0, ended.stderr
    assert "headings are learnt from" in (alone.run / "log.txt").read_text()
    _assert_same(RunFolder(path=alone.run), RunFolder(path=together.run))


def test_one_of_them_writes_and_speaks(alone: RunFolder, together: tuple[RunFolder, Ended]) -> None:
    run_folder, ended = together
    assert [event["epoch"] for event in run_folder.events()] == [1, 2, 3, 4]
    log = run_folder.log_path.read_text()
    assert "training begins 2 processes" in log
    for told in ("training begins", "epoch 4/4", "best checkpoint", "finished"):
        assert log.count(told) == 1
    files = {path.name for path in alone.path.rglob("*") if "tfevents" not in path.name}
    named = {name for name in files if not name.endswith(".safetensors") or "gallery" in name}
    assert named <= {path.name for path in run_folder.path.rglob("*")}
    assert len(list(run_folder.tensorboard.iterdir())) == 1
    assert run_folder.read_json("environment.json")["processes"] == 2
    assert ended.stdout == f"{run_folder.best}\n"
    assert ended.stderr.count("Finished after 4 epochs") == 1


def test_a_step_with_fewer_photos_than_processes_is_refused(
    tiny_run: TinyRun, tmp_path: Path, forks: Forks
) -> None:
    config = tiny_run(tmp_path / "run", **(PARITY | {"batch_size": 1, "least_steps": 0}))
    ended = _train(forks, config, tmp_path / "options")
    assert ended.returncode == 1
    assert "a step of 1 photos leaves some of 2 processes none: raise batch_size" in ended.stderr
    assert ended.stderr.count("error: ") == 1


# Dropout, BatchNorm and augmentation: everything that a process has a state of its own for.
STATEFUL: dict[str, Any] = {
    "stage1": Stage1Config(epochs=2, views=2),
    "stage2": Stage2Config(epochs=2),
    "ema_decay": 0.9,
    "device": "cpu",
    "patience": 0,
    "command": "train",
}


def test_two_processes_stop_at_one_step_and_go_on_exactly(
    tiny_run: TinyRun, tmp_path: Path, forks: Forks
) -> None:
    configs = [
        tiny_run(tmp_path / name, **STATEFUL) for name in ("undisturbed", "signalled", "asked")
    ]
    paths = [tmp_path / f"options-{number}.json" for number in range(len(configs))]
    for path, config in zip(paths, configs, strict=True):
        path.write_text(config.model_dump_json())
    options = [str(path) for path in paths]
    ended = as_torchrun(forks, 2, tmp_path, lambda: several_runs.main("stop", *options))
    assert ended.returncode == 0, ended.stderr
    undisturbed, signalled, asked = (config.run for config in configs)
    assert ending(signalled) == ending(undisturbed)
    said = sorted(ended.stdout.splitlines())
    for rank in (0, 1):
        stopped = f"process {rank}: training stopped by"
        assert [line for line in said if line.startswith(stopped)] == [
            f"{stopped} SIGTERM in epoch 3 after step 2 of 3",
            f"{stopped} SIGTERM in epoch 4 after step 1 of 3",
            f"{stopped} a request to stop in epoch 3 after step 2 of 3",
        ]
    status = RunFolder(path=asked).status()
    assert status is not None
    assert status.state == "cancelled"
    assert not RunFolder(path=asked).stop_requested
    # Another number of processes may go on, and says what that costs.
    list(fit(configs[2], resume=True))
    assert "2 processes saved this run, 1 continue it" in RunFolder(path=asked).log_path.read_text()


@pytest.mark.parametrize(
    ("scenario", "reason"),
    [
        ("fail", "process 1 of 2 on .* failed: RunError: the memory does not suffice: .*now 16"),
        ("kill", "another process of this run was killed"),
    ],
)
def test_what_ends_one_process_ends_the_other_with_the_reason(
    tiny_run: TinyRun, tmp_path: Path, forks: Forks, scenario: str, reason: str
) -> None:
    changes = STATEFUL | {"stage2": Stage2Config(epochs=10_000)}
    config = tiny_run(tmp_path / "run", **changes)
    options = tmp_path / "options.json"
    options.write_text(config.model_dump_json())
    ended = as_torchrun(forks, 2, tmp_path, lambda: several_runs.main(scenario, str(options)))
    assert ended.returncode == 1
    status = RunFolder(path=config.run).status()
    assert status is not None
    assert status.state == "failed"
    assert re.search(reason, status.message), status.message


def test_a_mistake_is_told_once(tiny_run: TinyRun, tmp_path: Path, forks: Forks) -> None:
    config = tiny_run(tmp_path / "run", **(PARITY | {"batch_size": 16}))
    config.run.mkdir()
    (config.run / "thesis.txt").write_text("mine")
    ended = _train(forks, config, tmp_path / "options")
    assert ended.returncode == 1
    assert ended.stderr.count("error: ") == 1
    assert "is not empty" in ended.stderr
    assert [path.name for path in config.run.iterdir()] == ["thesis.txt"]


def test_accelerate_tells_two_processes_what_torchrun_tells() -> None:
    launcher = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu"]
    launcher += ["--num_processes", "2", "--main_process_port", "0"]
    ended = run([*launcher, "-m", "tests.training.launched"])
    assert ended.returncode == 0, ended.stderr
    lines = map(json.loads, ended.stdout.splitlines())
    one, two = sorted(lines, key=lambda line: int(line["rank"]))
    assert (one["rank"], one["local"], one["count"]) == (0, 0, 2)
    assert two == one | {"rank": 1, "local": 1}
    assert int(one["MASTER_PORT"]) > 0
    told = [one[name] for name in ("LOCAL_WORLD_SIZE", "TORCHELASTIC_USE_AGENT_STORE")]
    # As `as_torchrun` tells the processes that train in the tests above.
    assert told == ["2", "True"]
    assert one["MASTER_ADDR"]
