"""`queue` and `--queue` as a user types them; no runner works here."""

from pathlib import Path

import pytest

from core.__main__ import main
from core.jobs.job import read_job
from core.jobs.queue import queue_of
from core.jobs.state import run_state
from core.training.run_folder import RunFolder

TINY = ("--backbone", "test_resnet", "--weights", "random", "--device", "cpu", "--epochs", "3")


@pytest.fixture(autouse=True)
def no_runner(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Nobody works the queue off; gives the folders for which a runner was wanted."""
    wanted: list[Path] = []
    for name in ("queue", "queueing"):
        monkeypatch.setattr(f"core.cli.{name}.ensure_runner", wanted.append)
    return wanted


@pytest.fixture
def root(shared_campus: Path, tmp_path: Path) -> Path:
    """A folder of runs in whose queue two wait."""
    folder = tmp_path / "runs"
    for name in ("first", "second"):
        assert (
            main(["train", str(shared_campus), "--run", str(folder / name), *TINY, "--queue"]) == 0
        )
    return folder


def names(root: Path) -> list[str]:
    return [each.name for each in queue_of(root)]


def test_the_same_command_is_queued(
    capsys: pytest.CaptureFixture[str], root: Path, no_runner: list[Path]
) -> None:
    assert names(root) == ["first", "second"]
    assert no_runner == [root, root]
    shown = capsys.readouterr()
    assert shown.out == f"{root / 'first'}\n{root / 'second'}\n"
    assert "place 2" in shown.err
    job = read_job(root / "first")
    assert job is not None
    assert job.options["stage2"]["epochs"] == 3
    assert job.options["command"].startswith("python -m core train ")
    assert job.device == "cpu"


def test_paths_hold_wherever_the_runner_works(
    shared_campus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shared_campus.parent)
    run = tmp_path / "runs" / "first"
    assert main(["train", shared_campus.name, "--run", str(run), *TINY, "--queue"]) == 0
    job = read_job(run)
    assert job is not None
    assert job.options["dataset"] == str(shared_campus)
    assert job.cwd == shared_campus.parent


def test_the_queue_is_shown(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["queue", str(root)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["place", "job", "state"]
    assert lines[1].split()[:4] == ["1", "first", "queued", "train"]
    assert main(["queue", str(root / "first")]) == 0


def test_a_job_is_moved_cancelled_and_put_back(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["queue", "move", str(root / "second"), "-1"]) == 0
    assert names(root) == ["second", "first"]
    assert main(["queue", "cancel", str(root / "second")]) == 0
    assert names(root) == ["first"]
    assert run_state(root / "second").state == "cancelled"
    assert main(["queue", "resume", str(root / "second")]) == 0
    assert names(root) == ["first", "second"]
    assert main(["queue", "resume", str(root / "second")]) == 1
    assert "nothing to resume" in capsys.readouterr().err


def test_a_failed_job_says_why(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job = read_job(root / "first")
    assert job is not None
    job.model_copy(update={"state": "started"}).write(root / "first")
    RunFolder(path=root / "first").log_path.write_text("CUDA out of memory\nerror: it ended\n")
    assert main(["queue", str(root)]) == 0
    assert "--batch-size 16 in place of 32" in capsys.readouterr().out
    assert main(["runs", str(root)]) == 0
    assert "--batch-size 16" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "there is no folder nowhere"),
        (["cancel"], "queue cancel RUN needs one run"),
        (["cancel", "nowhere"], "holds no run"),
        (["move", "first"], "needs RUN and PLACES"),
        (["first", "second"], "is not a request"),
        (["run"], "needs one folder"),
        (["run", "nowhere"], "there is no folder"),
    ],
)
def test_mistakes_are_told(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["queue", *words]) == 1
    assert message in capsys.readouterr().err
