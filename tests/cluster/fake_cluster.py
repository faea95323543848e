"""A cluster without Ray: it remembers what it was given, and runs collectors here and now."""

import os
import subprocess
import sys
from pathlib import Path

from core.cluster.client import Cluster, JobLook, Unreachable, Wanted

PROJECT = Path(__file__).resolve().parents[2]


class FakeCluster(Cluster):
    """Answers as a cluster does.

    Attributes:
        given: What was submitted, by number.
        looks: What it says of a job, one after another; the last one from then on.
        logs: What jobs wrote.
        stopped: Numbers of jobs that it was asked to stop.
        silent: How many more questions it leaves unanswered.
    """

    def __init__(self) -> None:
        """Know of no job."""
        self.address = self.url = "http://fake:8265"
        self.given: dict[str, Wanted] = {}
        self.looks: list[JobLook] = [JobLook("SUCCEEDED", "", "node")]
        self.logs: dict[str, str] = {}
        self.stopped: list[str] = []
        self.silent = 0

    def submit(self, submission_id: str, wanted: Wanted) -> None:
        """Take a job; a collector is run at once."""
        assert submission_id not in self.given, "submitted twice"
        self.given[submission_id] = wanted
        if "BEARINGS_COLLECT" in wanted.environment:
            module = wanted.entrypoint.rpartition(" ")[2]
            done = subprocess.run(
                [sys.executable, "-m", module],
                env=os.environ | wanted.environment,
                cwd=PROJECT,
                capture_output=True,
                text=True,
                check=True,
            )
            self.logs[submission_id] = done.stdout

    def look(self, submission_id: str) -> JobLook | None:
        """The next look, where the job was given."""
        self._answer()
        if submission_id not in self.given:
            return None
        if "BEARINGS_COLLECT" in self.given[submission_id].environment:
            return JobLook("SUCCEEDED", "", "node")
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def log(self, submission_id: str) -> str:
        """What the job wrote."""
        self._answer()
        return self.logs.get(submission_id, "")

    def stop(self, submission_id: str) -> None:
        """Remember the wish."""
        self._answer()
        self.stopped.append(submission_id)

    def resources(self) -> dict[str, float]:
        """A cluster with GPUs."""
        return {"CPU": 8.0, "GPU": 2.0}

    def _answer(self) -> None:
        if self.silent:
            self.silent -= 1
            raise Unreachable("http://fake:8265 does not answer")
