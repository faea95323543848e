"""What is asked of a cluster: take a job, say how it stands, give its log, stop it.

All of it goes through Ray's job API over one HTTP port. Ray's own errors become sentences here.
"""

import json
import logging
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import BearingsError, ConfigError

if TYPE_CHECKING:
    from ray.job_submission import JobSubmissionClient

INSTALL = "pip install -r requirements-cluster.txt"
ENDED = frozenset({"SUCCEEDED", "FAILED", "STOPPED"})
_TIMEOUT_S = 60.0


class Unreachable(BearingsError):  # noqa: N818 - a network that is down is nobody's error
    """The cluster does not answer; it may later."""


@dataclass(frozen=True)
class JobLook:
    """How a job stands: Ray's state, its message, and the number of its machine."""

    state: str
    message: str
    node: str | None


@dataclass(frozen=True)
class Wanted:
    """What to run: shell command, environment, folder of code, cores, GPUs, and a machine."""

    entrypoint: str
    environment: dict[str, str]
    code: Path
    cpus: float
    gpus: float = 0.0
    node: str | None = None


class Cluster:
    """A Ray cluster that answered once."""

    def __init__(self, address: str, client: "JobSubmissionClient", url: str) -> None:
        """Keep a connected client; see `connect`."""
        self.address = address
        self.url = url
        self._client = client

    def submit(self, submission_id: str, wanted: Wanted) -> None:
        """Submit a job under its number; the cluster refuses a number that it knows.

        Raises:
            Unreachable: The cluster does not answer.
            ConfigError: It refuses the job.
        """
        selector = {"ray.io/node-id": wanted.node} if wanted.node else None
        environment = {"working_dir": str(wanted.code), "env_vars": wanted.environment}
        try:
            self._client.submit_job(
                entrypoint=wanted.entrypoint,
                submission_id=submission_id,
                runtime_env=environment,
                entrypoint_num_cpus=wanted.cpus,
                entrypoint_num_gpus=wanted.gpus,
                entrypoint_label_selector=selector,
            )
        except OSError as error:
            raise self._lost(error) from error
        except (RuntimeError, ValueError) as error:
            raise ConfigError(f"{self.address} refuses the job: {_told(error)}") from error

    def look(self, submission_id: str) -> JobLook | None:
        """How a job stands; None where the cluster knows nothing of it.

        Raises:
            Unreachable: The cluster does not answer.
        """
        try:
            info = self._client.get_job_info(submission_id)
        except OSError as error:
            raise self._lost(error) from error
        except RuntimeError as error:
            if "status code 404" in str(error):
                return None
            raise self._lost(error) from error
        return JobLook(str(info.status.value), info.message or "", info.driver_node_id)

    def log(self, submission_id: str) -> str:
        """All that the job wrote so far; nothing where its machine cannot be asked just now.

        Raises:
            Unreachable: The cluster does not answer.
        """
        try:
            return self._client.get_job_logs(submission_id)
        except OSError as error:
            raise self._lost(error) from error
        except RuntimeError:
            # Between its acceptance and its start there is nobody to ask.
            return ""

    def stop(self, submission_id: str) -> None:
        """Ask a job to end: SIGTERM, and the time it was given to save.

        Raises:
            Unreachable: The cluster does not answer.
        """
        try:
            self._client.stop_job(submission_id)
        except (OSError, RuntimeError) as error:
            raise self._lost(error) from error

    def resources(self) -> dict[str, float]:
        """Everything that the cluster has in all: `CPU`, `GPU`, ...; empty where it does not say.

        Raises:
            Unreachable: The cluster does not answer.
        """
        try:
            with urllib.request.urlopen(
                f"{self.url}/api/cluster_status", timeout=_TIMEOUT_S
            ) as answer:
                status = json.load(answer)["data"]["clusterStatus"]
        except (urllib.error.URLError, TimeoutError) as error:
            raise self._lost(error) from error
        except (ValueError, KeyError, TypeError):
            return {}
        usage: dict[str, Any] = ((status or {}).get("loadMetricsReport") or {}).get("usage") or {}
        return {name: float(pair[1]) for name, pair in usage.items()}

    def _lost(self, error: Exception) -> Unreachable:
        return Unreachable(f"{self.address} does not answer: {_told(error)}")


def connect(address: str) -> Cluster:
    """Reach a cluster.

    Args:
        address: As `check_address` returns it.

    Raises:
        ConfigError: Ray is not installed here, or is too far from the cluster's.
        Unreachable: Nobody answers there; the message says what to look at.
    """
    # Ray lets these override whatever address it is given.
    for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):
        os.environ.pop(name, None)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # What Ray says of every upload belongs into no log of a run.
    for name in ("ray.dashboard.modules.dashboard_sdk", "ray._private.runtime_env.packaging"):
        logging.getLogger(name).addFilter(lambda said: said.levelno >= logging.WARNING)
    try:
        from ray.job_submission import JobSubmissionClient
    except ImportError as error:
        raise ConfigError(f"--on {address} needs Ray on this machine too: {INSTALL}") from error

    class Impatient(JobSubmissionClient):
        """Asks as Ray does, but never waits for ever on a connection that went silent."""

        def _do_request(self, method: str, endpoint: str, **given: Any) -> Any:  # noqa: ANN401
            return super()._do_request(method, endpoint, **({"timeout": _TIMEOUT_S} | given))

    try:
        client = Impatient(address)
    except (OSError, TimeoutError) as error:
        raise Unreachable(_unreachable(address)) from error
    except RuntimeError as error:
        raise ConfigError(f"{address} cannot be used: {_told(error)}") from error
    return Cluster(address, client, client.get_address())


def _unreachable(address: str) -> str:
    return (
        f"no Ray cluster answers at {address}. Is it up (`ray status` on its head), was it started "
        "so that others may ask it (`ray start --head --dashboard-host=0.0.0.0`), and is the port "
        f"open from here? `curl {address.replace('ray://', 'http://')}/api/version` must answer "
        "for an http address"
    )


def _told(error: Exception) -> str:
    """The last line of an error that may carry a whole traceback."""
    lines = [line.strip() for line in str(error).replace("\\n", "\n").splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
