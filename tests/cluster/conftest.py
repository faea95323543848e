"""A real Ray on this machine, started once, and ended with all that it started."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

START_S = 180.0


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[SimpleNamespace]:
    """Two cores of this machine as a cluster, on ports that nobody uses.

    `address` is its job API, `client_address` Ray's client port. It ends with the tests that use
    it: a Ray without work takes a tenth of a core.
    """
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed: pip install -r requirements-cluster.txt")
    # Short: sockets lie in it, whose paths may have 107 characters.
    folder = tempfile.mkdtemp(prefix="ray-")
    dashboard, client = _free_port(), _free_port()
    # Ray gives the process that serves a client 30 seconds to start, and its dashboard 60: too few
    # on two busy cores. A client whose process never comes is waited for as long, and tries again.
    patient = {
        "RAY_CLIENT_SERVER_CHECK_CHANNEL_TIMEOUT_S": "75",
        "RAY_DASHBOARD_STARTUP_TIMEOUT_S": "150",
        "RAY_DASHBOARD_SUBPROCESS_MODULE_WAIT_READY_TIMEOUT": "120",
    }
    environment = os.environ | patient | {"RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"}
    for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):
        environment.pop(name, None)
    starter = subprocess.Popen(
        [
            sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--port=0",
            f"--dashboard-port={dashboard}", f"--ray-client-server-port={client}",
            "--dashboard-agent-listen-port=0", "--min-worker-port=0", "--max-worker-port=0",
            "--num-cpus=2", "--include-dashboard=true", "--disable-usage-stats",
            f"--temp-dir={folder}", "--object-store-memory=100000000",
        ],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    try:
        said, _ = starter.communicate(timeout=START_S)
        assert starter.returncode == 0, said.decode()
        _wait_for(f"http://127.0.0.1:{dashboard}/api/version")
        yield SimpleNamespace(
            address=f"http://127.0.0.1:{dashboard}", client_address=f"ray://127.0.0.1:{client}"
        )
    finally:
        _end_session(starter.pid)
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10):
                return
        except OSError:
            assert time.monotonic() < deadline, f"{url} never answered"
            time.sleep(0.5)


def _end_session(leader: int) -> None:
    """Kill the daemons that `ray start` left in its session, and what they started."""
    daemons = [each for each in psutil.process_iter() if _session(each.pid) == leader]
    family = {child for each in daemons for child in _children(each)} | set(daemons)
    for process in family:
        try:
            process.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(list(family), timeout=10)


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.NoSuchProcess:
        return []


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder for the runs of a test."""
    return tmp_path / "runs"
