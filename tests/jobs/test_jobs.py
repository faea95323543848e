"""Runs are listed as they stand, followed as they grow, and stopped with certainty."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import pytest

from core.errors import RunError
from core.jobs.job import Job, Start
from core.jobs.queue import cancel, stop
from core.jobs.state import SILENT_S, log_tail, read_events, run_state
from core.jobs.summary import list_runs, summarise
from core.locks import hold
from core.training.run_folder import RunFolder, check_free

RunMaker = Callable[..., RunFolder]
ProcessMaker = Callable[[str], "Popen[bytes]"]

NO_PROCESS = 2**22 + 1
"""Above Linux's greatest process id, so never alive."""
PATIENT = "import time; print('ready', flush=True); time.sleep(60)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + PATIENT


def test_a_run_is_running_while_its_process_lives(make_run: RunMaker) -> None:
    run = make_run()
    assert run_state(run.path).state == "running"
    run.request_stop()
    assert run_state(run.path).state == "cancelling"


def test_a_run_whose_process_is_gone_is_lost(make_run: RunMaker) -> None:
    found = summarise(make_run(pid=NO_PROCESS, process_start=1.0).path)
    assert found.state == "lost"
    assert "resume" in found.message


@pytest.mark.trap(name="a process number that was given again")
def test_a_process_with_the_same_number_is_not_the_run(make_run: RunMaker) -> None:
    assert run_state(make_run(process_start=1.0).path).state == "lost"


@pytest.mark.trap(name="a process number that was given again")
def test_a_dead_child_that_nobody_collected_is_gone(
    make_run: RunMaker, spawn: ProcessMaker
) -> None:
    process = spawn(PATIENT)
    run = make_run(pid=process.pid)
    assert run_state(run.path).state == "running"
    process.kill()
    deadline = time.monotonic() + 5
    while run_state(run.path).state == "running":
        assert time.monotonic() < deadline


@pytest.mark.parametrize("state", ["finished", "cancelled", "failed"])
def test_what_a_run_says_at_its_end_counts(make_run: RunMaker, state: str) -> None:
    assert run_state(make_run(state=state, pid=NO_PROCESS, process_start=1.0).path).state == state


def launched(folder: Path, pid: int) -> None:
    """Leave a folder as a queue does when it has started a job that said nothing yet."""
    start = Start(slots=("cpu",)).as_process(pid)
    Job(kind="train", arguments=("train",), state="started", start=start).write(folder)


def test_a_launched_run_is_starting_until_it_speaks(tmp_path: Path, spawn: ProcessMaker) -> None:
    process = spawn(PATIENT)
    launched(tmp_path, process.pid)
    assert run_state(tmp_path).shown == "starting"
    process.kill()
    process.wait()
    assert summarise(tmp_path).state == "lost"
    (tmp_path / "log.txt").write_text("Training\nerror: no folder nowhere\n\n")
    assert summarise(tmp_path).state == "failed"
    assert summarise(tmp_path).message == "error: no folder nowhere"


def test_the_list_has_what_a_table_shows(make_run: RunMaker, tmp_path: Path) -> None:
    run = make_run(epochs=3)
    run.write_json("split.json", {"hash": "abc"})
    (found,) = list_runs(tmp_path / "runs")
    assert (found.name, found.path, found.state) == ("first", run.path, "running")
    assert found.dataset == tmp_path / "campus"
    assert found.backbone == "efficientnet_b0"
    assert (found.epoch, found.epochs) == (3, 30)
    assert found.best is not None
    assert found.best["median_m"] == 40.0
    assert found.duration_s == 7.5
    assert found.split_hash == "abc"
    assert found.started == pytest.approx(time.time(), abs=60)


def test_runs_are_listed_newest_first_and_other_folders_are_not(
    make_run: RunMaker, tmp_path: Path
) -> None:
    for age, name in enumerate(["new", "old", "older"]):
        run = make_run(name)
        then = time.time() - 100 * age
        os.utime(run.path / "config.json", (then, then))
    (tmp_path / "runs" / "notes").mkdir()
    assert [run.name for run in list_runs(tmp_path / "runs")] == ["new", "old", "older"]
    assert list_runs(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", "{"),
        ("status.json", '{"state": "asleep"}'),
        ("split.json", "[}"),
        ("job.json", '{"kind": "bake"}'),
    ],
)
def test_a_damaged_run_is_listed_as_such(
    make_run: RunMaker, tmp_path: Path, name: str, content: str
) -> None:
    make_run("whole")
    run = make_run("broken")
    (run.path / name).write_text(content)
    found = {each.name: each for each in list_runs(tmp_path / "runs")}
    assert found["whole"].state == "running"
    assert found["broken"].state == "damaged"
    assert name in found["broken"].message


def test_a_line_that_is_being_written_is_left_for_later(make_run: RunMaker) -> None:
    run = make_run(epochs=2)
    with (run.path / "events.jsonl").open("a") as stream:
        stream.write('{"epoch": 3, "be')
    assert [each["epoch"] for each in read_events(run.path)] == [1, 2]


def test_the_tail_of_a_log_is_short_whatever_its_length(make_run: RunMaker) -> None:
    run = make_run()
    assert log_tail(run.path) == ""
    run.log_path.write_text("".join(f"line {number}\n" for number in range(50_000)))
    assert log_tail(run.path, 2) == "line 49998\nline 49999"
    run.log_path.write_text("10 %\r50 %\r99 %\ndone\n")
    assert log_tail(run.path) == "99 %\ndone"


def test_stopping_asks_first(make_run: RunMaker, spawn: ProcessMaker) -> None:
    run = make_run("polite", pid=spawn(PATIENT).pid)
    cancel(run.path)
    assert run.stop_requested
    assert run_state(run.path).state == "cancelling"


def test_a_run_that_does_not_listen_is_told(make_run: RunMaker, spawn: ProcessMaker) -> None:
    process = spawn(PATIENT)
    found = stop(make_run(pid=process.pid).path, grace_s=0.2, term_s=5)
    assert found.state == "lost"
    assert process.wait(1) == -15


def test_a_run_that_does_not_obey_is_ended(make_run: RunMaker, spawn: ProcessMaker) -> None:
    process = spawn(STUBBORN)
    stop(make_run(pid=process.pid).path, grace_s=0.1, term_s=0.5)
    assert process.wait(1) == -9


def test_nobody_elses_process_is_ever_stopped(make_run: RunMaker, spawn: ProcessMaker) -> None:
    process = spawn(PATIENT)
    stop(make_run(pid=process.pid, process_start=1.0).path, grace_s=0, term_s=0)
    assert process.poll() is None


def test_a_run_that_shares_its_group_is_signalled_alone(
    make_run: RunMaker, monkeypatch: pytest.MonkeyPatch, spawn: ProcessMaker
) -> None:
    process = spawn(PATIENT)
    run = make_run(pid=process.pid)
    monkeypatch.setattr(os, "getpgid", lambda pid: os.getpid())
    monkeypatch.setattr(os, "killpg", lambda *given: pytest.fail("signalled a foreign group"))
    stop(run.path, grace_s=0, term_s=5)
    assert process.wait(1) == -15


def test_a_start_that_never_speaks_is_ended(tmp_path: Path, spawn: ProcessMaker) -> None:
    process = spawn(PATIENT)
    launched(tmp_path, process.pid)
    assert stop(tmp_path, grace_s=0.2, term_s=5).state == "lost"
    assert process.wait(1) == -15


def test_a_run_on_another_machine_lives_while_its_heart_beats(make_run: RunMaker) -> None:
    run = make_run()
    status = run.status()
    assert status is not None
    elsewhere = status.model_copy(update={"host": "another", "pid": NO_PROCESS})
    run.write_status(elsewhere)
    assert run_state(run.path).state == "running"
    silent = {"heartbeat": time.time() - SILENT_S - 1}
    run.write_status(elsewhere.model_copy(update=silent))
    assert run_state(run.path).state == "lost"
    run.write_status(status.model_copy(update=silent))
    # Here, a slow step is no death.
    assert run_state(run.path).state == "running"


def test_an_end_that_is_written_during_the_judgement_counts(
    make_run: RunMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    status = run.status()
    assert status is not None

    def ends_now(pid: int, process_start: float, after_boot: float | None) -> None:
        run.write_status(status.model_copy(update={"state": "finished"}))

    monkeypatch.setattr("core.jobs.job.living_process", ends_now)
    assert run_state(run.path).state == "finished"


def test_a_folder_is_free_again_where_a_run_failed_before_its_first_epoch(
    make_run: RunMaker,
) -> None:
    check_free(make_run("mended", state="failed", epochs=0).path)
    at_work = make_run("at-work", epochs=0).path
    with hold(at_work), pytest.raises(RunError, match="in use by another process"):
        check_free(at_work)
    with pytest.raises(RunError, match="not empty"):
        check_free(make_run("begun", state="failed", epochs=1).path)
