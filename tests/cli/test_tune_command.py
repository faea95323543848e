"""`tune` on the command line: what it reads, refuses, shows and puts into the queue."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from core.__main__ import main
from core.jobs.job import read_job
from core.training.schema import TrainConfig
from core.tuning.folder import StudyFolder
from core.tuning.schema import TuneConfig

Words = Callable[..., list[str]]


@pytest.fixture
def words(shared_campus: Path, tmp_path: Path) -> Words:
    """`tune` on the tiny campus, put into a queue that nobody works off."""

    def command(*more: str) -> list[str]:
        return ["tune", str(shared_campus), "--study", str(tmp_path / "runs" / "t"), *more]

    return command


@pytest.fixture(autouse=True)
def _nobody_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.cli.queueing.ensure_runner", lambda root: None)


def _queued(tmp_path: Path) -> TuneConfig:
    job = read_job(tmp_path / "runs" / "t")
    assert job is not None
    return TuneConfig.model_validate(job.options)


def test_flags_make_a_search(words: Words, tmp_path: Path) -> None:
    space = tmp_path / "space.json"
    space.write_text(json.dumps({"model.backbone": {"choices": ["resnet18", "resnet34"]}}))
    asked = words(
        "--queue", "--trials", "7", "--sampler", "random", "--epochs", "3", "--workers", "2",
        "--train.batch-size", "8", "--space", str(space),
        "--vary", "stage2.lr_heads=1e-4..1e-2 log", "--vary", "augment.crop_scale=[0.8,1],[0.6,1]",
    )  # fmt: skip
    assert main(asked) == 0
    config = _queued(tmp_path)
    assert (config.planned, config.sampler, config.workers) == (7, "random", 2)
    assert (config.train.stage2.epochs, config.train.batch_size) == (3, 8)
    assert list(config.space) == ["model.backbone", "stage2.lr_heads", "augment.crop_scale"]
    assert config.space["stage2.lr_heads"].log
    job = read_job(tmp_path / "runs" / "t")
    assert job is not None
    assert job.again == ("tune", "--study", str(tmp_path / "runs" / "t"))
    assert (job.slots, job.on) == (2, "local")


def test_a_run_lends_its_options_to_all_trials(
    words: Words, tmp_path: Path, shared_campus: Path
) -> None:
    run = tmp_path / "config.json"
    base = TrainConfig(dataset=shared_campus, run=tmp_path / "first", batch_size=24, command="old")
    run.write_text(base.model_dump_json())
    assert main(words("--queue", "--base", str(run))) == 0
    config = _queued(tmp_path)
    assert config.train.batch_size == 24
    assert config.train.command == ""
    assert config.train.run == config.study


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--vary", "stage2.lr_head=1..2"), "stage2.lr_head is no option of a training run; did"),
        (("--vary", "stage2.lr_heads=0.1..7"), "stage2.lr_heads does not take 7.0"),
        (("--vary", "stage2.lr_heads"), "write OPTION=VALUES"),
        (("--vary", "stage2.lr_heads=1..0"), "low must be less than high"),
        (("--sampler", "grid"), "a grid needs choices"),
        (("--vary", "split.seed=1,2"), "split.seed cannot be searched"),
        (("--trials", "0"), "--trials must be at least 1, got 0"),
        (("--epochs", "x"), "--epochs must be a whole number"),
        (("--space", "nowhere.json"), "nowhere.json cannot be read"),
    ],
)
def test_mistakes_are_named(
    words: Words, more: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words("--queue", *more)) == 1
    assert said in capsys.readouterr().err


def test_a_study_must_be_named_and_must_exist(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tune", "--study", str(tmp_path / "none"), "--show"]) == 1
    assert "holds no study" in capsys.readouterr().err
    assert main(["tune", "--show"]) == 1
    assert "--show needs --study" in capsys.readouterr().err
    assert main(["tune", str(tmp_path), "--study", "a", "--ray-workers", "2"]) == 1
    assert "--ray-workers needs --on ADDRESS" in capsys.readouterr().err
    assert main(["tune", str(tmp_path)]) == 1
    assert "--study is required" in capsys.readouterr().err


def test_a_study_goes_on_with_its_own_options_and_more_trials(
    words: Words, tmp_path: Path, shared_campus: Path
) -> None:
    path = tmp_path / "runs" / "t"
    config = TuneConfig(
        study=path, sampler="random", trials=5, train=TrainConfig(dataset=shared_campus, run=path)
    )
    StudyFolder.of(config).begin(config)
    assert main(["tune", "--study", str(path), "--trials", "9", "--queue"]) == 0
    assert _queued(tmp_path) == config.model_copy(update={"trials": 9})


def test_show_lists_the_trials_and_a_command_for_the_best(
    tmp_path: Path, shared_campus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from core.tuning.sampling import draw
    from core.tuning.trials import Trial, write_trial

    path = tmp_path / "t"
    train = TrainConfig(dataset=shared_campus, run=path)
    config = TuneConfig(study=path, trials=3, train=train)
    StudyFolder.of(config).begin(config)
    rates = []
    for number, value in enumerate((0.5, 0.25, 0.75)):
        seed = config.model_copy(update={"seed": number})
        values = draw(seed, [])
        rates.append(values["stage2.lr_heads"])
        write_trial(path, Trial(number=number, values=values, state="finished", value=value))
    rate = rates[1]
    capsys.readouterr()
    assert main(["tune", "--study", str(path), "--show"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["1", "0", "2"], "the best comes first"
    assert lines[-1].startswith(f"python -m core train {shared_campus} --run {tmp_path}/t-best")
    # Not rounded: the command gives the trial's options again.
    assert f"--stage2.lr-heads {rate!r}" in lines[-1]


def test_trials_on_a_cluster_are_conducted_here_and_take_no_device_here(
    words: Words, tmp_path: Path
) -> None:
    there = ("--on", "http://head:8265", "--ray-workers", "3", "--on-gpus", "1", "--queue")
    assert main(words(*there)) == 0
    job = read_job(tmp_path / "runs" / "t")
    assert job is not None
    assert (job.slots, job.on) == (0, "local")
    flags = ("--ray-workers", "3", "--on", "http://head:8265", "--on-gpus", "1.0")
    assert job.arguments == ("tune", *flags)
    assert job.again[-len(flags) :] == flags
    # All of it there, on one machine.
    whole = words("--study", str(tmp_path / "runs" / "u"), *there[:2], "--queue")
    assert main(whole) == 0
    job = read_job(tmp_path / "runs" / "u")
    assert job is not None
    assert (job.arguments, job.on) == (("tune",), "http://head:8265")
