"""A folder has one holder, handing on leaves no gap, and the dead hold nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.locks import Lock, LockHeld, hold, is_held

ROOT = Path(__file__).resolve().parents[1]
# Says whether it was handed the hold, and keeps it until its input ends.
CHILD = (
    "import sys; from pathlib import Path; from core.locks import hold\n"
    "with hold(Path(sys.argv[1])) as lock:\n"
    "    print(lock.handed, flush=True); sys.stdin.read()\n"
)


def start(folder: Path, lock: Lock | None = None) -> "subprocess.Popen[str]":
    environment = os.environ | ({} if lock is None else lock.environment())
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder)],
        cwd=ROOT,
        env=environment,
        pass_fds=() if lock is None else (lock.fd,),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def said(child: "subprocess.Popen[str]") -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def end(child: "subprocess.Popen[str]", *, kill: bool = False) -> None:
    if kill:
        child.kill()
    child.communicate()


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    assert not is_held(tmp_path)
    with hold(tmp_path):
        assert is_held(tmp_path)
        with pytest.raises(LockHeld, match=str(tmp_path)):
            Lock.take(tmp_path, patience_s=0.05)
    assert not is_held(tmp_path)
    Lock.take(tmp_path, patience_s=0.0).close()


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    child = start(tmp_path)
    assert said(child) == "False"
    assert is_held(tmp_path)
    end(child, kill=True)
    assert not is_held(tmp_path)


def test_a_hold_is_handed_on_without_a_gap(tmp_path: Path) -> None:
    lock = Lock.take(tmp_path)
    child = start(tmp_path, lock)
    lock.close()
    assert is_held(tmp_path), "from the first moment, whether the child runs yet or not"
    assert said(child) == "True"
    assert is_held(tmp_path)
    end(child)
    assert not is_held(tmp_path)


def test_what_was_handed_is_for_one_folder(tmp_path: Path) -> None:
    lock = Lock.take(tmp_path / "mine")
    child = start(tmp_path / "other", lock)
    assert said(child) == "False"
    end(child)
    lock.close()


def test_asking_does_not_fail_a_start(tmp_path: Path) -> None:
    for _ in range(200):
        Lock.take(tmp_path, patience_s=0.0).close()
        assert not is_held(tmp_path)


def test_a_folder_that_is_not_there_is_not_held_and_not_made(tmp_path: Path) -> None:
    assert not is_held(tmp_path / "none")
    assert not (tmp_path / "none").exists()
