"""Jobs wait in order, are moved, cancelled and put back, by one writer at a time."""

import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path
from subprocess import Popen
from typing import NoReturn

import pytest

from core.errors import RunError
from core.jobs.job import Job, Start, read_job
from core.jobs.queue import (
    QUEUE,
    cancel,
    enqueue,
    enqueue_job,
    interrupted,
    move,
    queue_of,
    requeue,
    resume_interrupted,
)
from core.jobs.runner import Runner, _write_end, ensure_runner, run_queue
from core.jobs.state import log_tail, run_state
from core.jobs.summary import list_jobs, list_runs, summarise
from core.locks import LockHeld, hold
from core.training.run_folder import RunFolder
from core.training.schema import TrainConfig

RunMaker = Callable[..., RunFolder]
ProcessMaker = Callable[[str], "Popen[bytes]"]
NO_PROCESS = 2**22 + 1
PATIENT = "import time; print('ready', flush=True); time.sleep(60)"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of runs, still to be made."""
    return tmp_path / "runs"


def queued(root: Path, name: str) -> Path:
    return enqueue(TrainConfig(dataset=root.parent / "campus", run=root / name))


def names(root: Path) -> list[str]:
    return [each.name for each in queue_of(root)]


def test_jobs_wait_in_the_order_they_came(root: Path) -> None:
    assert queue_of(root) == []
    for name in ("b", "a", "c"):
        queued(root, name)
    assert names(root) == ["b", "a", "c"]
    assert [each.place for each in queue_of(root)] == [1, 2, 3]
    found = {run.name: run for run in list_runs(root)}
    assert (found["a"].state, found["a"].place) == ("queued", 2)
    assert found["a"].backbone == "efficientnet_b0"
    assert found["a"].epochs == 22


@pytest.mark.parametrize(
    ("name", "places", "order"),
    [
        ("c", -1, ["a", "c", "b", "d"]),
        ("c", -9, ["c", "a", "b", "d"]),
        ("a", 1, ["b", "a", "c", "d"]),
        ("a", 9, ["b", "c", "d", "a"]),
        ("b", 0, ["a", "b", "c", "d"]),
    ],
)
def test_a_job_is_moved(root: Path, name: str, places: int, order: list[str]) -> None:
    for each in "abcd":
        queued(root, each)
    move(root / name, places)
    assert names(root) == order


def test_equal_places_are_told_apart(root: Path) -> None:
    for name in "abc":
        job = Job(kind="tune", arguments=("tune",), order=1.0, created=5.0)
        enqueue_job(root / name, job)
        job.write(root / name)
    assert names(root) == ["a", "b", "c"]
    move(root / "c", -1)
    assert names(root) == ["a", "c", "b"]
    for _ in range(80):
        # Halving runs out of numbers between two neighbours after some fifty moves.
        move(root / names(root)[2], -1)
    assert sorted(names(root)) == ["a", "b", "c"]
    last = names(root)[2]
    move(root / last, -1)
    assert names(root)[1] == last


def test_only_what_waits_is_moved(root: Path, make_run: RunMaker) -> None:
    with pytest.raises(RunError, match="does not wait"):
        move(make_run("ended", state="finished").path, 1)


def test_a_waiting_job_is_cancelled_at_once_and_put_back_at_the_end(root: Path) -> None:
    for name in "ab":
        queued(root, name)
    cancel(root / "a")
    assert run_state(root / "a").state == "cancelled"
    assert names(root) == ["b"]
    assert not (root / "a" / "stop").exists()
    requeue(root / "a")
    assert names(root) == ["b", "a"]
    assert run_state(root / "a").state == "queued"


def test_a_job_at_work_is_asked_to_stop(make_run: RunMaker) -> None:
    run = make_run()
    cancel(run.path)
    assert run_state(run.path).state == "cancelling"


def test_what_has_ended_is_not_asked(make_run: RunMaker) -> None:
    run = make_run(state="finished")
    cancel(run.path)
    assert not run.stop_requested


def test_a_job_that_is_being_started_is_asked_to_stop(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = queued(root, "a")

    def started_first(folder: Path) -> NoReturn:
        job = read_job(run)
        assert job is not None
        start = Start(slots=("cpu",)).as_process(os.getpid())
        job.model_copy(update={"state": "started", "start": start}).write(run)
        raise LockHeld("being started")

    monkeypatch.setattr("core.jobs.queue.hold", started_first)
    cancel(run)
    assert run_state(run).state == "cancelling"


def test_a_taken_folder_is_refused(root: Path, make_run: RunMaker) -> None:
    at_work = make_run("at-work")
    with pytest.raises(RunError, match=f"running as process {os.getpid()}"):
        queued(root, "at-work")
    with pytest.raises(RunError, match="is running"):
        requeue(at_work.path)
    make_run("ended", state="cancelled")
    with pytest.raises(RunError, match="not empty"):
        queued(root, "ended")
    queued(root, "new")
    with pytest.raises(RunError, match="is queued"):
        queued(root, "new")
    with pytest.raises(RunError, match="nothing to resume"):
        requeue(root / "new")
    with pytest.raises(RunError, match="finished: there is nothing to resume"):
        requeue(make_run("done", state="finished").path)
    with pytest.raises(RunError, match="holds no run"):
        requeue(root / "nowhere")
    (root / "file").touch()
    with pytest.raises(RunError, match="is a file"):
        queued(root, "file")


def _enqueue_one(root: Path, start: Event, answers: "Queue[str]") -> None:
    start.wait()
    try:
        answers.put(str(queued(root, "same")))
    except RunError as error:
        answers.put(f"refused: {error}")


def test_of_many_who_queue_one_folder_one_succeeds(root: Path) -> None:
    context = multiprocessing.get_context("spawn")
    start, answers = context.Event(), context.Queue()
    crowd = [context.Process(target=_enqueue_one, args=(root, start, answers)) for _ in range(4)]
    for process in crowd:
        process.start()
    start.set()
    told = [answers.get(timeout=60) for _ in crowd]
    for process in crowd:
        process.join(60)
    assert sorted(answer.startswith("refused") for answer in told) == [False, True, True, True]
    assert names(root) == ["same"]


def test_one_who_comes_between_a_look_and_the_hold_is_seen(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def another_is_first(folder: Path) -> None:
        monkeypatch.undo()
        queued(root, "same")

    monkeypatch.setattr("core.jobs.queue.check_free", another_is_first)
    with pytest.raises(RunError, match="is queued"):
        queued(root, "same")
    assert names(root) == ["same"]


def test_a_resumed_job_goes_on_with_what_was_saved(root: Path, make_run: RunMaker) -> None:
    run = make_run("by-hand", state="cancelled").path
    requeue(run)
    job = read_job(run)
    assert job is not None
    assert run_state(run).state == "queued"
    # It saved nothing: it begins anew, with the options that it has now.
    assert job.command(run)[0] == ("train",)
    (run / "checkpoints").mkdir()
    assert job.command(run) == (("train", "--run", str(run), "--resume"), {})
    new = queued(root, "new")
    job = read_job(new)
    assert job is not None
    words, options = job.command(new)
    assert words == ("train",)
    assert options["run"] == str(new)


def started(run: Path, pid: int | None = None) -> None:
    """Leave a folder as the runner does when it has started a job."""
    job = read_job(run)
    assert job is not None
    start = Start(slots=("cpu",))
    start = start if pid is None else start.as_process(pid)
    job.model_copy(update={"state": "started", "start": start}).write(run)


def test_a_start_that_was_killed_in_the_middle_is_lost_and_can_begin_again(root: Path) -> None:
    run = queued(root, "a")
    started(run)
    now = run_state(run)
    assert now.state == "lost"
    assert "wrote no status" in now.message
    requeue(run)
    assert names(root) == ["a"]
    job = read_job(run)
    assert job is not None
    assert job.options["run"] == str(run)


def test_a_started_job_is_starting_while_its_process_holds_the_folder(root: Path) -> None:
    run = queued(root, "a")
    started(run)
    with hold(run):
        assert run_state(run).shown == "starting"
        RunFolder(path=run).request_stop()
        assert run_state(run).state == "cancelling"
    assert run_state(run).state == "lost"


@pytest.mark.parametrize(
    ("code", "log", "state", "words"),
    [
        (1, "error: no labels.csv in nowhere\n", "failed", "no labels.csv"),
        (-9, "Training first\n", "lost", "killed (SIGKILL)"),
        (-11, "Training first\n", "lost", "SIGSEGV"),
    ],
)
def test_how_a_process_ended_before_it_spoke_is_known(
    root: Path, spawn: ProcessMaker, code: int, log: str, state: str, words: str
) -> None:
    run, process = queued(root, "a"), spawn(PATIENT)
    started(run, process.pid)
    assert run_state(run).shown == "starting"
    process.kill()
    process.wait()
    RunFolder(path=run).log_path.write_text(log)
    _write_end(run, process.pid, code)
    now = run_state(run)
    assert now.state == state
    assert words in now.message


def test_the_end_of_an_earlier_process_is_not_taken_for_the_end_of_this(
    root: Path, spawn: ProcessMaker
) -> None:
    run, process = queued(root, "a"), spawn(PATIENT)
    started(run, process.pid)
    process.kill()
    process.wait()
    _write_end(run, 7, -9)
    assert "SIGKILL" not in run_state(run).message
    # Somebody else is at work there by now, under a hold of their own.
    with hold(run):
        _write_end(run, process.pid, -9)
    assert "SIGKILL" not in run_state(run).message
    _write_end(run, process.pid, -9)
    assert "SIGKILL" in run_state(run).message


def test_a_resumed_job_waits_although_it_ended_before(make_run: RunMaker) -> None:
    run = make_run("ended", state="failed").path
    requeue(run)
    assert run_state(run).state == "queued"
    cancel(run)
    assert run_state(run).state == "cancelled"
    requeue(run)
    started(run)
    with hold(run):
        assert run_state(run).shown == "starting"
    assert run_state(run).state == "lost"


def test_jobs_of_every_kind_are_listed_and_runs_alone_are_runs(root: Path) -> None:
    queued(root, "a")
    enqueue_job(root / "b", Job(kind="tune", arguments=("tune", "--out", str(root / "b"))))
    assert [run.name for run in list_runs(root)] == ["a"]
    assert {job.name: job.kind for job in list_jobs(root)} == {"a": "train", "b": "tune"}
    assert summarise(root / "b").state == "queued"


def test_a_job_that_was_killed_with_its_queue_is_queued_again_once(root: Path) -> None:
    for name in "ab":
        queued(root, name)
    started(root / "a")
    assert interrupted(root) == [root / "a"]
    assert resume_interrupted(root) == [root / "a"]
    # At its old place, before what waits.
    assert names(root) == ["a", "b"]
    assert "starts it again" in log_tail(root / "a")
    started(root / "a")
    assert resume_interrupted(root) == []
    now = run_state(root / "a")
    assert now.state == "lost"
    # A user may insist, after which it counts from nothing.
    requeue(root / "a")
    started(root / "a")
    assert interrupted(root) == [root / "a"]


def test_the_queue_leaves_alone_what_a_user_or_the_operator_ended(
    root: Path, spawn: ProcessMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped, seen, there, held, other = (queued(root, name) for name in "abcde")
    for run in (stopped, seen, there, held, other):
        started(run)
    job = read_job(other)
    assert job is not None
    assert job.start is not None
    start = job.start.model_copy(update={"host": "another machine"})
    job.model_copy(update={"start": start}).write(other)
    RunFolder(path=stopped).request_stop()
    job = read_job(seen)
    assert job is not None
    assert job.start is not None
    # A queue that lived saw how it ended: somebody killed the job, not the queue.
    start = job.start.model_copy(update={"code": -9, "ended": 1.0})
    job.model_copy(update={"start": start}).write(seen)
    job = read_job(there)
    assert job is not None
    job.model_copy(update={"on": "http://cluster:8265"}).write(there)
    with hold(held):
        assert interrupted(root) == []
    (root / "damaged").mkdir()
    (root / "damaged" / "job.json").write_bytes(b"\xff")
    assert interrupted(root) == [held]
    monkeypatch.setenv("BEARINGS_RESUME", "no")
    assert interrupted(root) == []
    assert resume_interrupted(root) == []


def test_a_runner_is_started_for_what_was_lost_and_takes_it_up(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = queued(root, "a")
    started(run)
    begun: list[list[str]] = []

    class NoRunner:
        def wait(self) -> int:
            return 0

    def begin(words: list[str], *_: object) -> NoRunner:
        begun.append(words)
        return NoRunner()

    monkeypatch.setattr("core.jobs.runner._command", begin)
    ensure_runner(root)
    assert begun == [["queue", "run", str(root.resolve())]]
    taken: list[list[str]] = []

    def step(runner: Runner) -> bool:
        taken.append(names(root))
        cancel(run)
        return False

    monkeypatch.setattr(Runner, "step", step)
    run_queue(root)
    assert taken == [["a"]]
    ensure_runner(root)
    assert len(begun) == 1


def test_no_runner_is_started_for_nothing_nor_beside_another(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "core.jobs.runner.subprocess.Popen", lambda *given, **named: pytest.fail("started one")
    )
    ensure_runner(root)
    queued(root, "a")
    with hold(root / QUEUE):
        ensure_runner(root)


def test_a_second_runner_ends_at_once(root: Path) -> None:
    queued(root, "a")
    with hold(root / QUEUE):
        run_queue(root)
    assert names(root) == ["a"]


def test_a_job_that_comes_while_the_runner_leaves_is_not_left_behind(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds: list[list[str]] = []

    def work(where: Path) -> None:
        rounds.append(names(root))
        if len(rounds) == 1:
            # Nothing waited when the runner looked last; whoever queues this sees it at work.
            queued(root, "late")
            ensure_runner(root)
        else:
            cancel(root / "late")

    monkeypatch.setattr("core.jobs.runner._work_off", work)
    run_queue(root)
    assert rounds == [[], ["late"]]
