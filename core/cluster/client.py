"""Client of a Ray cluster: connect, submit a job, read its state and log, stop it.

All of it goes through Ray's job API over one HTTP port. Ray's errors are translated here.
"""

import json
import logging
import os
import re
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from core.errors import BearingsError, ConfigError

if TYPE_CHECKING:
    from ray.job_submission import JobSubmissionClient

ADDRESS_FORMS = (
    "give http://HOST:8265, the page that `ray start --head` names as its dashboard, or "
    "ray://HOST:10001, Ray's client port"
)
_PORTS = {"http": 8265, "https": 443, "ray": 10001}
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|[0-9A-Fa-f:]*:[0-9A-Fa-f:]+")
INSTALL = "pip install -r requirements-cluster.txt"
ENDED = frozenset({"SUCCEEDED", "FAILED", "STOPPED"})
_TIMEOUT_S = 60.0
# A busy head serves a client late: Ray's own 30 seconds can be too few.
_ATTEMPTS = 2
_RETRY_AFTER_S = 2.0


def check_address(text: str) -> str:
    """Return the address of a cluster with scheme, host and port.

    Args:
        text: As a user writes it: `http://host`, `https://host:443/`, `ray://host:10001`.

    Raises:
        ConfigError: The text is no such address; the message shows the two forms.
    """
    address = text.strip()
    if "://" not in address:
        raise ConfigError(
            f"{address or 'an empty text'} is not the address of a Ray cluster: {ADDRESS_FORMS}"
        )
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ConfigError(
            f"{address} is not the address of a Ray cluster ({error}): {ADDRESS_FORMS}"
        ) from error
    scheme = parts.scheme.lower()
    if scheme not in _PORTS or not _HOST.fullmatch(host) or parts.username is not None:
        raise ConfigError(f"{address} is not the address of a Ray cluster: {ADDRESS_FORMS}")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ConfigError(f"{address} has a path after the port: {ADDRESS_FORMS}")
    host_text = f"[{host}]" if ":" in host else host
    return f"{scheme}://{host_text}:{_PORTS[scheme] if port is None else port}"


class Unreachable(BearingsError):  # noqa: N818 - not a mistake of the user
    """The cluster does not answer now; it may answer later."""


@dataclass(frozen=True)
class JobLook:
    """Ray's state of a job, with Ray's message."""

    state: str
    message: str


@dataclass(frozen=True)
class Submission:
    """What to run: shell command, environment, folder of code, cores and GPUs to reserve."""

    entrypoint: str
    environment: dict[str, str]
    code: Path
    cpus: float
    gpus: float = 0.0


class Cluster:
    """A Ray cluster that answered once."""

    def __init__(self, address: str, client: "JobSubmissionClient", url: str) -> None:
        """Keep a connected client; see `connect`."""
        self.address = address
        self.url = url
        self._client = client

    def submit(self, submission_id: str, submission: Submission) -> None:
        """Submit a job under its id; the cluster refuses an id that it knows.

        Raises:
            Unreachable: The cluster does not answer.
            ConfigError: It refuses the job.
        """
        environment = {"working_dir": str(submission.code), "env_vars": submission.environment}
        try:
            self._client.submit_job(
                entrypoint=submission.entrypoint,
                submission_id=submission_id,
                runtime_env=environment,
                entrypoint_num_cpus=submission.cpus,
                entrypoint_num_gpus=submission.gpus,
            )
        except OSError as error:
            raise self._lost(error) from error
        except (RuntimeError, ValueError) as error:
            raise ConfigError(f"{self.address} refuses the job: {_last_line(error)}") from error

    def look(self, submission_id: str) -> JobLook | None:
        """Return the state of a job; None if the cluster does not know the id.

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
        return JobLook(str(info.status.value), info.message or "")

    def log(self, submission_id: str) -> str:
        """Return all output of the job so far; empty if its machine does not answer now.

        Raises:
            Unreachable: The cluster does not answer.
        """
        try:
            return self._client.get_job_logs(submission_id)
        except OSError as error:
            raise self._lost(error) from error
        except RuntimeError:
            # Between acceptance and start no machine has a log.
            return ""

    def stop(self, submission_id: str) -> None:
        """Stop a job: SIGTERM first, and SIGKILL after the time given to save.

        Raises:
            Unreachable: The cluster does not answer.
        """
        try:
            self._client.stop_job(submission_id)
        except (OSError, RuntimeError) as error:
            raise self._lost(error) from error

    def largest_machine(self) -> dict[str, float]:
        """Return the most of each resource (`CPU`, `GPU`, ...) that one machine of the cluster has.

        A command reserves resources of one machine. Empty if the cluster reports none.

        Raises:
            Unreachable: The cluster does not answer.
        """
        try:
            with urllib.request.urlopen(
                f"{self.url}/api/cluster_status", timeout=_TIMEOUT_S
            ) as answer:
                report = json.load(answer)["data"]["clusterStatus"]["loadMetricsReport"]
            machines = [dict(resources) for resources, count in report["nodeTypes"]]
        except (urllib.error.URLError, TimeoutError) as error:
            raise self._lost(error) from error
        except (ValueError, KeyError, TypeError):
            return {}
        names = {name for machine in machines for name in machine}
        return {name: max(float(each.get(name, 0.0)) for each in machines) for name in names}

    def _lost(self, error: Exception) -> Unreachable:
        return Unreachable(f"{self.address} does not answer: {_last_line(error)}")


def connect(
    address: str, *, attempts: int = _ATTEMPTS, retry_after_s: float = _RETRY_AFTER_S
) -> Cluster:
    """Connect to a cluster; one that does not answer in time is tried again.

    Args:
        address: As `check_address` returns it.
        attempts: How often to try.
        retry_after_s: Seconds between two attempts.

    Raises:
        ConfigError: Ray is not installed here, or its version is too far from the cluster's.
        Unreachable: The cluster does not answer; the message says what to check.
    """
    # Ray lets these override whatever address it is given.
    for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):
        os.environ.pop(name, None)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Ray reports every upload; that does not belong into the log of a run.
    for name in ("ray.dashboard.modules.dashboard_sdk", "ray._private.runtime_env.packaging"):
        logging.getLogger(name).addFilter(lambda record: record.levelno >= logging.WARNING)
    try:
        from ray.job_submission import JobSubmissionClient
    except ImportError as error:
        raise ConfigError(f"--on {address} needs Ray on this machine too: {INSTALL}") from error

    class ClientWithTimeout(JobSubmissionClient):
        """Ray's client, which by itself waits for ever on a connection that went silent."""

        def _do_request(self, method: str, endpoint: str, **given: Any) -> Any:  # noqa: ANN401
            return super()._do_request(method, endpoint, **({"timeout": _TIMEOUT_S} | given))

    for attempt in range(attempts):
        try:
            client = ClientWithTimeout(address)
        except (OSError, TimeoutError) as error:
            if attempt == attempts - 1:
                raise Unreachable(_unreachable(address)) from error
            time.sleep(retry_after_s)
        except RuntimeError as error:
            raise ConfigError(f"{address} cannot be used: {_last_line(error)}") from error
        else:
            return Cluster(address, client, client.get_address())
    raise ValueError(f"attempts must be at least 1, got {attempts}")


def _unreachable(address: str) -> str:
    return (
        f"no Ray cluster answers at {address}. Is it up (`ray status` on its head), does it "
        "accept other machines (`ray start --head --dashboard-host=0.0.0.0`), and is the port "
        f"open from here? `curl {address.replace('ray://', 'http://')}/api/version` must answer "
        "for an http address"
    )


def _last_line(error: Exception) -> str:
    """The last line of an error message, which may hold a whole traceback."""
    lines = [line.strip() for line in str(error).replace("\\n", "\n").splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
