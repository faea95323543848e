"""Following a job on a cluster: submit it once, take over its log, pass a wish to stop on.

Whatever kills the follower, another one goes on where it was: `ray.json` is written before the job
is submitted under the number that stands in it, and a cluster takes a number only once.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from core.cluster.address import check_address
from core.cluster.bring import bring_back, discard
from core.cluster.client import ENDED, Cluster, JobLook, Unreachable, connect
from core.cluster.ending import conclude
from core.cluster.news import News
from core.cluster.record import RayRecord, read_ray
from core.cluster.submit import submit
from core.errors import RunError
from core.jobs.job import read_job
from core.locks import hold
from core.training.interrupt import Interruption
from core.training.run_folder import RunFolder
from core.training.status import State

Say = Callable[[str], None]
Answer = TypeVar("Answer")
_POLL_S = 1.0
# Every look at the log fetches all of it: the longer it is, the rarer.
_CHARACTERS_PER_S = 200_000


def follow(folder: Path, say: Say | None = None) -> State:
    """Run a job on its cluster, or go on following it, until it has ended.

    Args:
        folder: The job's folder, with `job.json`.
        say: Told every line of the job's log as it arrives.

    Returns:
        How it ended.

    Raises:
        LockHeld: Somebody follows it, or works on it, already.
        ConfigError: Ray is missing here, or the cluster refuses the job.
        Unreachable: The cluster does not answer at the beginning; later, it is waited for.
        RunError: There is no job, or it is meant for this machine.
    """
    folder = folder.resolve()
    with hold(folder) as lock, Interruption(RunFolder(path=folder)) as asked:
        record = _record(folder)
        if not record.submitted:
            RunFolder(path=folder).forget_stop(lock)
        cluster = connect(record.address)
        follower = Follower(folder, cluster, _submitted(folder, cluster, record), asked, say)
        return follower.to_the_end()


def _record(folder: Path) -> RayRecord:
    """The submission that is still open, or the next one, written before anything is asked."""
    job, record = read_job(folder), read_ray(folder)
    if record is not None and record.open:
        return record
    if job is None or job.is_local:
        raise RunError(f"{folder} holds no job for a cluster: begin one with --on ADDRESS")
    status = RunFolder(path=folder).status()
    heard = None if status is None else status.heartbeat
    wishes = dict(job.wishes)
    if record is not None and record.place is not None:
        # A cluster that did not see the folder does not see it now.
        wishes["bring_back"] = True
    return RayRecord.new(check_address(job.on), wishes).changed(folder, heard=heard)


def _submitted(folder: Path, cluster: Cluster, record: RayRecord) -> RayRecord:
    if record.submitted:
        RunFolder(path=folder).log(f"following {record.submission_id} on {record.address} again")
        return record
    if cluster.look(record.submission_id) is not None:
        # Killed between the submission and the word of it.
        return record.changed(folder, submitted=True)
    return submit(folder, cluster, record)


class Follower:
    """One job that was submitted, and what is known of it."""

    def __init__(
        self,
        folder: Path,
        cluster: Cluster,
        record: RayRecord,
        asked: Interruption,
        say: Say | None,
    ) -> None:
        """Follow what `record` names."""
        self.run = RunFolder(path=folder)
        self.cluster = cluster
        self.record = record
        self.asked = asked
        self.news = News(self.run, say, record.place)
        self._stopped = False
        self._log_due = 0.0
        self._silent = False

    def to_the_end(self) -> State:
        """Poll until the job has ended; then see to it that the folder says how."""
        while True:
            look = self._patiently(self._look)
            if look is not None and look.state in ENDED:
                break
            time.sleep(_POLL_S)
        while self._patiently(lambda: self._read_log(all_of_it=True)) is None:
            time.sleep(_POLL_S)
        while self.record.place is not None and not self.record.brought:
            if self._patiently(self._bring) is None:
                time.sleep(_POLL_S)
        state = conclude(self.run, self.record, look, self.news.last_error)
        self.record = self.record.changed(self.run.path, ended=look.state)
        return state

    def _look(self) -> JobLook:
        look = self.cluster.look(self.record.submission_id)
        if look is None:
            # Its machines have other numbers now; a folder may still lie there.
            self.record = self.record.changed(self.run.path, node=None)
            message = "the cluster knows nothing of the job any more: it was restarted"
            return JobLook("FAILED", message, None)
        if look.node is not None and look.node != self.record.node:
            self.record = self.record.changed(self.run.path, node=look.node)
        if self.asked.wanted() and not self._stopped:
            self.run.log(f"stopping {self.record.submission_id} on {self.record.address}")
            self.cluster.stop(self.record.submission_id)
            self._stopped = True
        if time.monotonic() >= self._log_due:
            self._read_log()
        return look

    def _read_log(self, *, all_of_it: bool = False) -> bool:
        text = self.cluster.log(self.record.submission_id)
        self._log_due = time.monotonic() + len(text) / _CHARACTERS_PER_S
        new = text[self.record.log_read :]
        if not all_of_it:
            new = new[: new.rfind("\n") + 1]
        if new:
            found = self.news.take(new)
            read = self.record.log_read + len(new)
            self.record = self.record.changed(self.run.path, log_read=read, **found)
        return True

    def _bring(self) -> bool:
        if bring_back(self.run, self.cluster, self.record):
            self.record = self.record.changed(self.run.path, brought=True)
            discard(self.cluster, self.record)
        else:
            self.record = self.record.changed(self.run.path, place=None)
        return True

    def _patiently(self, ask: Callable[[], Answer]) -> Answer | None:
        """Ask the cluster; None while it does not answer, which is told once."""
        try:
            answer = ask()
        except Unreachable as error:
            if not self._silent:
                self.run.log(f"{error}; asking again until it does")
            self._silent = True
            return None
        if self._silent:
            self.run.log(f"{self.record.address} answers again")
        self._silent = False
        return answer
