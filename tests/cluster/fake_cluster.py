"""A cluster without Ray, which records what it is given and returns prepared answers."""

from pathlib import Path

from core.cluster.client import Cluster, JobLook, Submission, Unreachable

PROJECT = Path(__file__).resolve().parents[2]


class FakeCluster(Cluster):
    """Behaves as a cluster does.

    Attributes:
        given: What was submitted, by id.
        looks: States of a job, one after another; the last one from then on.
        logs: What jobs wrote.
        stopped: Ids of jobs that it was told to stop.
        silent: How many more questions it leaves unanswered.
    """

    def __init__(self) -> None:
        """Know no job."""
        self.address = self.url = "http://fake:8265"
        self.given: dict[str, Submission] = {}
        self.looks: list[JobLook] = [JobLook("SUCCEEDED", "")]
        self.logs: dict[str, str] = {}
        self.stopped: list[str] = []
        self.silent = 0

    def submit(self, submission_id: str, submission: Submission) -> None:
        """Accept an id once."""
        assert submission_id not in self.given, "submitted twice"
        self.given[submission_id] = submission

    def look(self, submission_id: str) -> JobLook | None:
        """Return the next state of a known job."""
        self._answer()
        if submission_id not in self.given:
            return None
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def log(self, submission_id: str) -> str:
        """Return what the job wrote."""
        self._answer()
        return self.logs.get(submission_id, "")

    def stop(self, submission_id: str) -> None:
        """Record the stop."""
        self._answer()
        self.stopped.append(submission_id)

    def largest_machine(self) -> dict[str, float]:
        """Return the resources of a machine with GPUs."""
        return {"CPU": 8.0, "GPU": 2.0}

    def _answer(self) -> None:
        if self.silent:
            self.silent -= 1
            raise Unreachable("http://fake:8265 does not answer")
