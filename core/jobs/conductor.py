"""Jobs within a job: folds of a cross-validation, trials of a study.

The outer job, their conductor, is the runner of a queue in its own folder: it holds its folder and
that queue, assigns its slots, and passes a stop request on by cancelling its jobs. All state is in
the jobs' folders. If the conductor is killed, running jobs notice that its folder is free, save and
end (`core.training.interrupt`), and the next conductor queues them again.
"""

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from core.files import sweep
from core.jobs.devices import spread
from core.jobs.job import LOCAL, Job
from core.jobs.queue import QUEUE, cancel, enqueue_job, requeue
from core.jobs.runner import Runner
from core.jobs.state import RESUMABLE, UNFINISHED, run_state
from core.locks import Lock, LockHeld
from core.project import CONDUCTOR
from core.runs import is_run
from core.system import SYSTEM
from core.training.run_folder import HEARTBEAT_S, RunFolder, RunStatus, own_status

# A job saves at its next step after a stop request; the longest step is a validation.
_GRACE_S = 60.0
_TERM_S = 10.0
_POLL_S = 0.1


@dataclass(frozen=True)
class ComputeTarget:
    """Where the jobs within a job run.

    Attributes:
        slots: How many at the same time, each on a device of its own as far as there are so many;
            None: one on each device here, and on a cluster as many as it takes.
        on: `local`, or the address of a cluster.
        wishes: Resources that each job reserves on the cluster; see `Job.wishes`.
    """

    slots: int | None = 1
    on: str = LOCAL
    wishes: Mapping[str, float] = field(default_factory=dict)

    def job(self, job: Job) -> Job:
        """The same job on this target."""
        return job.model_copy(update={"on": self.on, "wishes": dict(self.wishes)})


class Heartbeat:
    """The status of a job that conducts others, written when it changes and every 2 seconds."""

    def __init__(self, job: RunFolder, **first: object) -> None:
        """Begin with a status of this process; `first` are fields of `RunStatus`."""
        self._job = job
        self._status: RunStatus = own_status().model_copy(update=first)
        self._written: RunStatus | None = None

    def beat(self, **changes: object) -> None:
        """Apply changes; write the status if it has changed or the last one is old."""
        self._status = self._status.model_copy(update=changes)
        now = time.time()
        last = self._written
        if last is not None and now - last.heartbeat < HEARTBEAT_S:
            if self._status.model_copy(update={"heartbeat": last.heartbeat}) == last:
                return
        self._written = self._status.model_copy(update={"heartbeat": now})
        self._job.write_status(self._written)


class Conductor:
    """Runs jobs in folders under one root; leaving the context with an error stops them all.

    Attributes:
        slots: The devices of the jobs; none for jobs on a cluster.
        jobs: The folders of the jobs that were submitted.
    """

    def __init__(
        self,
        job: RunFolder,
        root: Path,
        target: ComputeTarget,
        heartbeat: Heartbeat,
        *,
        device: str,
        threads: int | None,
    ) -> None:
        """Make a conductor that has submitted nothing yet.

        Args:
            job: The outer job, whose folder the caller holds.
            root: Folder that the jobs' own folders lie in.
            target: Where they run.
            heartbeat: The outer job's.
            device: That the jobs need: auto, cpu, cuda or mps.
            threads: CPU threads of each job, if its options say so.
        """
        self.slots = spread(device, target.slots) if target.on == LOCAL else ()
        self.jobs: set[Path] = set()
        self._root = root.resolve()
        self._heartbeat = heartbeat
        self._lock: Lock | None = None
        environment = {CONDUCTOR: str(job.path.resolve()), **_threads(len(self.slots), threads)}
        self._runner = Runner(self._root, lambda: self.slots, environment)

    def __enter__(self) -> Self:
        """Begin without jobs."""
        self._root.mkdir(parents=True, exist_ok=True)
        sweep(self._root)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the jobs if something went wrong; wait until their processes have ended."""
        try:
            if kind is not None:
                self._cancel()
            for wait_s, end in ((_GRACE_S, SYSTEM.request_stop), (_TERM_S, SYSTEM.kill)):
                if self._ended_within(wait_s):
                    break
                for folder in self._unfinished():
                    process = run_state(folder).process
                    if process is not None:
                        end(process)
            self._ended_within(_TERM_S)
        finally:
            if self._lock is not None:
                self._lock.close()
                self._lock = None

    def submit(self, folder: Path, job: Job) -> None:
        """Queue a job, or queue it again; one that runs or has finished is left alone.

        A job outlives a conductor that is killed, and may finish while the next one looks.

        Raises:
            RunError: Its folder is damaged, or holds something else.
        """
        state = run_state(folder).state if is_run(folder) else None
        if state == "queued":
            # By a conductor that was killed: options or target may have changed since.
            cancel(folder)
            state = "cancelled"
        if state in RESUMABLE:
            requeue(folder, job)
        elif state is None:
            enqueue_job(folder, job)
        self.jobs.add(folder.resolve())

    def step(self) -> None:
        """Collect ended jobs, start those that have a slot, and write the heartbeat."""
        self._heartbeat.beat()
        if self._lock is None:
            try:
                self._lock = Lock.take(self._root / QUEUE)
            except LockHeld:
                # A user runs this queue with `queue run`, which starts the waiting jobs.
                return
        self._runner.step()

    def _cancel(self) -> None:
        for folder in self._unfinished():
            cancel(folder)

    def _unfinished(self) -> Iterable[Path]:
        return [each for each in self.jobs if run_state(each).state in UNFINISHED]

    def _ended_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while True:
            self._runner.collect()
            if not self._runner.started and not self._unfinished():
                return True
            if time.monotonic() >= deadline:
                return False
            self._heartbeat.beat()
            time.sleep(_POLL_S)


def _threads(jobs: int, threads: int | None) -> dict[str, str]:
    """Environment that lets jobs at the same time share the cores of this machine."""
    if threads is not None or jobs <= 1 or "OMP_NUM_THREADS" in os.environ:
        return {}
    return {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // jobs))}
