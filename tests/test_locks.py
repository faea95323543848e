"""A folder has one holder, handing on leaves no gap, and the dead hold nothing."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.locks import Lock, LockHeld, hold, is_held
from core.system import System

ROOT = Path(__file__).resolve().parents[1]
# Writes whether it was handed the hold, and keeps it until its input ends.
CHILD = (
    "import sys; from pathlib import Path\n"
    "from core.locks import hold; from core.system import SYSTEM\n"
    "with hold(Path(sys.argv[1])) as lock:\n"
    "    Path(sys.argv[2]).write_text(f'{type(SYSTEM).__name__} {lock.handed}.')\n"
    "    sys.stdin.read()\n"
)


class Child:
    """A process that holds a folder, or takes over a hold on one."""

    def __init__(self, system: System, folder: Path, lock: Lock | None = None) -> None:
        self._said = folder.parent / f"{folder.name}-said.txt"
        with system.open_log(folder.parent / "log.txt") as log:
            self._process = system.start(
                [sys.executable, "-c", CHILD, str(folder), str(self._said)],
                stdin=subprocess.PIPE,
                output=log,
                environment=os.environ | ({} if lock is None else lock.environment()),
                cwd=ROOT,
                handles=() if lock is None else lock.handles,
            )
        self._system = system

    def was_handed(self) -> bool:
        """Wait until it has the hold; whether it was handed it."""
        deadline = time.monotonic() + 60
        while not self._said.exists() or not self._said.read_text().endswith("."):
            assert self._process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        system, handed = self._said.read_text().rstrip(".").split()
        assert system == type(self._system).__name__
        return handed == "True"

    def end(self, *, kill: bool = False) -> None:
        if kill:
            self._process.kill()
        self._process.communicate()


@pytest.mark.usefixtures("system")
def test_one_holder_at_a_time(tmp_path: Path) -> None:
    assert not is_held(tmp_path)
    with hold(tmp_path):
        assert is_held(tmp_path)
        with pytest.raises(LockHeld, match=str(tmp_path)):
            Lock.take(tmp_path, patience_s=0.05)
    assert not is_held(tmp_path)
    Lock.take(tmp_path, patience_s=0.0).close()


def test_a_killed_holder_holds_nothing(system: System, tmp_path: Path) -> None:
    folder = tmp_path / "held"
    child = Child(system, folder)
    assert not child.was_handed()
    assert is_held(folder)
    child.end(kill=True)
    assert not is_held(folder)


def test_a_hold_is_handed_on_without_a_gap(system: System, tmp_path: Path) -> None:
    folder = tmp_path / "held"
    lock = Lock.take(folder)
    child = Child(system, folder, lock)
    lock.close()
    assert is_held(folder), "from the first moment, whether the child runs yet or not"
    assert child.was_handed()
    assert is_held(folder)
    child.end()
    assert not is_held(folder)


def test_what_was_handed_is_for_one_folder(system: System, tmp_path: Path) -> None:
    lock = Lock.take(tmp_path / "mine")
    child = Child(system, tmp_path / "other", lock)
    assert not child.was_handed()
    child.end()
    lock.close()


@pytest.mark.usefixtures("system")
def test_asking_does_not_fail_a_start(tmp_path: Path) -> None:
    for _ in range(200):
        Lock.take(tmp_path, patience_s=0.0).close()
        assert not is_held(tmp_path)


@pytest.mark.usefixtures("system")
def test_a_folder_that_is_not_there_is_not_held_and_not_made(tmp_path: Path) -> None:
    assert not is_held(tmp_path / "none")
    assert not (tmp_path / "none").exists()
