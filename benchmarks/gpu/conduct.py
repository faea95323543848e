"""Run checks in a process of their own, within their time; a new one goes on where one dies."""

import gc
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from benchmarks.gpu.checks import (
    Check,
    NotRunError,
    Outcome,
    Recorder,
    Settings,
    WrongResultError,
    read_events,
    read_outcomes,
    time_for,
)
from core.errors import RunError
from core.jobs.job import own_process, read_job
from core.project import PROJECT, python_path
from core.runs import JOB
from core.system import SYSTEM

_POLL_S = 0.2
# A check may take this much longer than its share, as others take less than theirs.
_OVERRUN, _OVERRUN_S = 1.5, 10.0


def run_checks(
    settings: Settings,
    checks: Sequence[Check],
    folder: Path,
    worker: str = "benchmarks.gpu.worker",
) -> list[Outcome]:
    """Run checks in order; one that fails, dies or takes too long is recorded, the rest goes on.

    Args:
        settings: What the checks share.
        checks: In the order in which they run.
        folder: Where `events.jsonl` and `log.txt` are written.
        worker: The module that makes the checks in a process of its own.
    """
    events, log = folder / "events.jsonl", folder / "log.txt"
    events.unlink(missing_ok=True)
    left = list(checks)
    while left:
        with log.open("ab") as output:
            written = output.tell()
            process = _start(worker, settings, left, events, output)
            try:
                running = _watch(process, events)
            finally:
                _kill(process)
                _kill_jobs(settings.work)
        done = {event["check"] for event in read_events(events) if event["event"] == "end"}
        left = [check for check in left if check.name not in done]
        if left and process.returncode != 0:
            # Never the same check twice: one that kills its process would kill the next one.
            state, reason = running or ("failed", _death(process.returncode, log, written))
            _end(Recorder(events, left[0].name), state, reason, events)
            left = left[1:]
    return read_outcomes(events, checks)


def _start(
    worker: str,
    settings: Settings,
    left: Sequence[Check],
    events: Path,
    output: Any,  # noqa: ANN401 - a file
) -> subprocess.Popen[bytes]:
    names = [check.name for check in left]
    return subprocess.Popen(
        [sys.executable, "-m", worker, settings.model_dump_json(), events, *names],
        cwd=PROJECT,
        env=os.environ | python_path() | {"OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1"},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
    )


def _watch(process: subprocess.Popen[bytes], events: Path) -> tuple[str, str] | None:
    """Wait until the process ends or its check takes too long; return the reason for the latter."""
    while process.poll() is None:
        time.sleep(_POLL_S)
        last = next(
            (each for each in reversed(read_events(events)) if each["event"] != "figure"), None
        )
        if last is not None and last["event"] == "begin" and time.time() > last["until"]:
            _kill(process)
            return "too long", f"stopped after {time.time() - last['at']:.0f} s"
    return None


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it started."""
    try:
        family = [*psutil.Process(process.pid).children(recursive=True)]
    except psutil.Error:
        family = []
    if process.poll() is None:
        process.kill()
    process.wait()
    for child in family:
        SYSTEM.kill(child)


def _kill_jobs(work: Path) -> None:
    """End jobs of the queues in `work`, which live on without the process that queued them."""
    for path in work.rglob(JOB):
        try:
            job = read_job(path.parent)
        except RunError:
            continue
        process = own_process(job.start) if job else None
        if process is not None:
            SYSTEM.kill(process)


def _death(code: int, log: Path, written: int) -> str:
    """Say how a process ended, with the last lines after what was `written` before it."""
    text = log.read_bytes()[written:].decode("utf-8", "replace")
    return f"its process ended with code {code}: {' / '.join(text.strip().splitlines()[-3:])}"


def _end(recorder: Recorder, state: str, reason: str, events: Path) -> None:
    begun = [
        each["at"]
        for each in read_events(events)
        if each["check"] == recorder.check and each["event"] == "begin"
    ]
    seconds = time.time() - begun[-1] if begun else 0.0
    recorder.event("end", state=state, reason=reason, seconds=round(seconds, 1))


def work(settings: Settings, checks: Sequence[Check], events: Path) -> None:
    """Make checks in this process.

    An error of any other kind than those two that checks raise on purpose ends the process, since
    it may have left the device unusable: `run_checks` records it, and goes on in another process.
    """
    for number, check in enumerate(checks):
        recorder, began = Recorder(events, check.name), time.time()
        remaining = settings.deadline - began
        if remaining < check.least_s:
            recorder.event("end", state="left out", reason="no time was left", seconds=0.0)
            continue
        seconds = time_for(check, checks[number:], remaining)
        recorder.event(
            "begin", until=min(settings.deadline, began + _OVERRUN * seconds + _OVERRUN_S)
        )
        state, reason = _made(check, settings, seconds, recorder)
        recorder.event("end", state=state, reason=reason, seconds=round(time.time() - began, 1))
        _free()


def _made(check: Check, settings: Settings, seconds: float, recorder: Recorder) -> tuple[str, str]:
    try:
        check.run(settings, seconds, recorder)
    except NotRunError as error:
        return "not run", str(error)
    except WrongResultError as error:
        return "failed", str(error)
    return "ok", ""


def _free() -> None:
    """Give back the memory of the device, where a check used one."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
