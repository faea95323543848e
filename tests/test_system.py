"""Both systems pass the same tests; Windows with its kernel imitated (`imitated_windows`)."""

import ast
import os
import platform
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from core.system import Posix, System, Windows

ROOT = Path(__file__).resolve().parents[1]
# Names that Windows' Python lacks, or that behave otherwise there.
ONLY_POSIX = {
    "fcntl", "pwd", "grp", "resource", "termios", "posix", "os.fork", "os.killpg", "os.getpgid",
    "os.setsid", "os.getuid", "os.geteuid", "os.getloadavg", "os.mkfifo", "os.sched_getaffinity",
    "os.O_CLOEXEC", "os.replace", "os.rename", "signal.SIGKILL", "signal.SIGHUP",
    "signal.SIGUSR1", "signal.SIGALRM",
}  # fmt: skip
OPTIONS_OF_POSIX = {"start_new_session", "pass_fds", "preexec_fn"}


@pytest.fixture
def start(system: System, tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    started: list[subprocess.Popen[bytes]] = []

    def begin(
        code: str, *arguments: str, handles: tuple[int, ...] = ()
    ) -> "subprocess.Popen[bytes]":
        with system.open_log(tmp_path / "log.txt") as log:
            process = system.start(
                [sys.executable, "-u", "-c", code],
                stdin=subprocess.DEVNULL,
                output=log,
                environment=dict(os.environ),
                cwd=tmp_path,
                handles=handles,
            )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_lock_has_one_holder_and_ends_with_its_handle(system: System, tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    assert not system.is_locked(path)
    assert not path.exists()
    handle = system.lock(path)
    assert handle is not None
    assert not os.get_inheritable(handle)
    assert system.lock(path) is None
    assert system.is_locked(path)
    system.close(handle)
    assert not system.is_locked(path)
    again = system.lock(path)
    assert again is not None
    system.close(again)


def test_a_started_process_takes_a_lock_over_without_a_gap(
    system: System, start: Callable[..., "subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    path = tmp_path / ".lock"
    handle = system.lock(path)
    assert handle is not None
    process = start("import time; print('here'); time.sleep(600)", handles=(handle,))
    assert not os.get_inheritable(handle)
    system.close(handle)
    assert system.is_locked(path), "from the first moment, whether it runs yet or not"
    wait_for(lambda: b"here" in (tmp_path / "log.txt").read_bytes())
    assert system.lock(path) is None
    system.kill(psutil.Process(process.pid))
    process.wait()
    assert not system.is_locked(path)


def test_a_handle_that_is_not_passed_on_is_not_inherited(
    system: System, start: Callable[..., "subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    handle = system.lock(tmp_path / ".lock")
    assert handle is not None
    start("import time; time.sleep(600)")
    system.close(handle)
    assert not system.is_locked(tmp_path / ".lock")


def test_a_lock_that_was_taken_over_is_not_passed_on_again(
    system: System, start: Callable[..., "subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    handle = system.lock(tmp_path / ".lock")
    assert handle is not None
    os.set_inheritable(handle, True)
    system.keep_private(handle)
    assert not os.get_inheritable(handle)
    system.close(handle)


def test_a_started_process_leads_a_group_of_its_own_in_its_folder(
    start: Callable[..., "subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    process = start("import os; print(os.getcwd(), os.getpgid(0) == os.getpid())")
    assert process.wait(60) == 0
    assert (tmp_path / "log.txt").read_text() == f"{tmp_path} True\n"


def test_writers_of_one_log_do_not_overwrite_each_other(
    system: System, start: Callable[..., "subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    log = tmp_path / "log.txt"
    log.write_text("before\n")
    code = "import sys; print('first'); open('log.txt', 'a').write('between\\n'); print('last')"
    assert start(code).wait(60) == 0
    with system.open_log(log) as stream:
        stream.write(b"after\n")
    assert log.read_text().splitlines() == ["before", "first", "between", "last", "after"]


def test_a_kill_ends_a_process_with_its_workers(
    system: System, start: Callable[..., "subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid); time.sleep(600)"
    )
    process = start(code)
    log = tmp_path / "log.txt"
    wait_for(lambda: log.exists() and log.read_text().endswith("\n"))
    worker = psutil.Process(int(log.read_text()))
    system.kill(psutil.Process(process.pid))
    process.wait(60)
    wait_for(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
    assert process.poll() is not None


def test_ending_a_process_that_has_ended_is_no_error(
    system: System, start: Callable[..., "subprocess.Popen[bytes]"]
) -> None:
    process = start("")
    ended = psutil.Process(process.pid)
    process.wait(60)
    system.request_stop(ended)
    system.kill(ended)


class Noted:
    """A process that notes what it is asked."""

    pid = -1

    def __init__(self, refuses: bool = False) -> None:
        self.asked: list[int] = []
        self._refuses = refuses

    def send_signal(self, number: int) -> None:
        if self._refuses:
            raise OSError("The parameter is incorrect")
        self.asked.append(number)

    def nice(self, value: int | None = None) -> int:
        self.asked.append(0 if value is None else value)
        return 17


def test_a_stop_is_requested_by_a_signal_that_can_be_handled(
    start: Callable[..., "subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *given: sys.exit(7)); print('here'); time.sleep(600)"
    )
    process = start(code)
    wait_for(lambda: b"here" in (tmp_path / "log.txt").read_bytes())
    Posix().request_stop(psutil.Process(process.pid))
    assert process.wait(60) == 7
    asked = Noted()
    Windows().request_stop(asked)
    assert asked.asked == [1], "CTRL_BREAK_EVENT"
    # A process with another console cannot be reached: it has its stop file.
    Windows().request_stop(Noted(refuses=True))


def test_other_processes_go_first(system: System) -> None:
    process = Noted()
    system.lower_priority(process)
    assert process.asked[-1] == (0x4000 if isinstance(system, Windows) else 19)


@pytest.mark.parametrize("number", list(Windows.stop_signals))
def test_every_stop_signal_can_be_handled_and_has_a_name(number: int) -> None:
    before = signal.getsignal(number)
    noted: list[int] = []
    signal.signal(number, lambda received, frame: noted.append(received))
    try:
        os.kill(os.getpid(), number)
        wait_for(lambda: noted == [number])
    finally:
        signal.signal(number, before)
    assert Windows.stop_signals[number] in {"Ctrl-C", "SIGTERM", "Ctrl-Break"}


@pytest.mark.parametrize(
    ("ended_on", "code", "words"),
    [
        (Posix(), -9, "killed (SIGKILL)"),
        (Posix(), -15, "ended by signal 15 (SIGTERM)"),
        (Posix(), -99, "ended by signal 99 (unknown)"),
        (Posix(), 0, None),
        (Posix(), 15, None),
        (Windows(), 15, "terminated"),
        (Windows(), 0xC0000005, "0xC0000005"),
        (Windows(), 0xC000013A, "closed console"),
        (Windows(), 0, None),
        (Windows(), 1, None),
        (Windows(), 130, None),
    ],
)
def test_an_exit_code_says_whether_a_process_was_killed(
    ended_on: System, code: int, words: str | None
) -> None:
    said = ended_on.killed(code)
    assert said is None if words is None else words in (said or "")


def test_a_rename_replaces_a_file_and_a_folder(system: System, tmp_path: Path) -> None:
    (tmp_path / "new").write_text("new")
    (tmp_path / "old").write_text("old")
    system.replace(tmp_path / "new", tmp_path / "old")
    assert (tmp_path / "old").read_text() == "new"
    (tmp_path / "made").mkdir()
    system.replace(tmp_path / "made", tmp_path / "kept")
    assert {path.name for path in tmp_path.iterdir()} == {"old", "kept"}


def test_windows_renames_again_while_a_reader_has_the_file_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    def refused(number: int) -> OSError:
        error = PermissionError("open elsewhere")
        error.winerror = number  # type: ignore[attr-defined]
        return error

    answers = [refused(32), refused(5), None]
    monkeypatch.setattr(os, "replace", lambda *paths: _raise(answers.pop(0)))
    Windows().replace(tmp_path / "a", tmp_path / "b")
    assert answers == []
    # Whatever is no sharing violation is said at once.
    answers = [PermissionError("read-only medium")]
    with pytest.raises(PermissionError, match="read-only"):
        Windows().replace(tmp_path / "a", tmp_path / "b")
    monkeypatch.setattr(Windows, "_PATIENCE_S", 0.05)
    monkeypatch.setattr(os, "replace", lambda *paths: _raise(refused(32)))
    with pytest.raises(PermissionError, match="open elsewhere"):
        Windows().replace(tmp_path / "a", tmp_path / "b")


def _raise(error: Exception | None) -> None:
    if error is not None:
        raise error


def test_a_command_line_is_split_into_the_same_words() -> None:
    words = ["python", "-m", "core", "train", "my campus", "it's"]
    assert shlex.split(Posix().command_line(words)) == words
    assert Posix().virtual_environment("3.12").startswith("python3.12 -m venv venv && ")
    assert Windows().virtual_environment("3.12").splitlines() == [
        "py -3.12 -m venv venv", "venv\\Scripts\\activate",
    ]  # fmt: skip
    assert Windows().command_line(words) == 'python -m core train "my campus" it\'s'


def test_the_python_of_a_virtual_environment_is_started_without_its_launcher(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Posix().python() == (sys.executable, {})
    monkeypatch.setattr(sys, "_base_executable", sys.executable, raising=False)
    assert Windows().python() == (sys.executable, {})
    monkeypatch.setattr(sys, "_base_executable", "C:\\Python\\python.exe")
    assert Windows().python() == (
        "C:\\Python\\python.exe", {"__PYVENV_LAUNCHER__": sys.executable},
    )  # fmt: skip


def test_only_one_module_calls_what_one_system_has() -> None:
    found = []
    for folder in ("core", "app", "pages"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path != ROOT / "core" / "system.py":
                found += [f"{path.relative_to(ROOT)}:{use}" for use in only_posix(path)]
    assert found == []


def only_posix(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Attribute):
            names = {ast.unparse(node)}
        elif isinstance(node, ast.keyword):
            names = {node.arg or ""} & OPTIONS_OF_POSIX
        else:
            continue
        yield from (f"{node.lineno} {name}" for name in names & (ONLY_POSIX | OPTIONS_OF_POSIX))


# Packages of others look at `sys.platform` while they are imported, so they are imported before.
AS_ON_WINDOWS = """
import importlib, os, signal, sys
from pathlib import Path

names = [
    ".".join(path.with_suffix("").parts)
    for folder in ("core", "app")
    for path in sorted(Path(folder).rglob("*.py"))
    if path.name not in ("__init__.py", "__main__.py", "Home.py")
]
for name in names:
    importlib.import_module(name)
for name in [name for name in sys.modules if name.split(".")[0] in ("core", "app")]:
    del sys.modules[name]
for name in ("fcntl", "pwd", "grp", "resource", "termios", "posix"):
    sys.modules[name] = None
for name in ("fork", "killpg", "getpgid", "setsid", "getuid", "geteuid", "O_CLOEXEC"):
    delattr(os, name)
for name in ("SIGKILL", "SIGHUP", "SIGUSR1", "SIGALRM"):
    delattr(signal, name)
sys.platform = "win32"
for name in names:
    importlib.import_module(name)
from core.system import SYSTEM
print(len(names), type(SYSTEM).__name__)
"""


@pytest.mark.slow
def test_every_module_is_imported_where_posix_is_missing() -> None:
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", AS_ON_WINDOWS],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-2000:]
    count, system = ended.stdout.split()
    assert int(count) > 150
    assert system == "Windows"


_HEAPS = """
import ctypes, sys, threading
from core.system import SYSTEM

if "bound" in sys.argv:
    SYSTEM.bound_free_memory()
meet, ended = threading.Barrier(12), threading.Barrier(12)
library = ctypes.CDLL(None)
library.malloc.restype, library.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]

def work():
    # Below what glibc takes from the kernel block by block.
    held = [library.malloc(50_000) for _ in range(20)]
    meet.wait()
    for block in held:
        library.free(block)
    ended.wait()

threads = [threading.Thread(target=work) for _ in range(12)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
library.fopen.restype = ctypes.c_void_p
file = library.fopen(sys.argv[1].encode(), b"w")
library.malloc_info(0, ctypes.c_void_p(file))
library.fclose(ctypes.c_void_p(file))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have one heap")
def test_many_threads_share_few_heaps(tmp_path: Path) -> None:
    counts = []
    for words in ([], ["bound"]):
        found = tmp_path / "heaps.xml"
        subprocess.run([sys.executable, "-c", _HEAPS, str(found), *words], cwd=ROOT, check=True)
        counts.append(found.read_text().count("<heap nr="))
    free, bound = counts
    assert bound <= 2 < free


_KEPT = """
import ctypes, sys, psutil
from core.system import SYSTEM

if "keep" in sys.argv:
    SYSTEM.keep_free_memory()
library = ctypes.CDLL(None)
library.malloc.restype, library.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
before = psutil.Process().memory_info().rss
block = library.malloc(100_000_000)
ctypes.memset(block, 1, 100_000_000)
library.free(block)
print(psutil.Process().memory_info().rss - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries were not measured")
def test_a_training_process_keeps_what_it_frees() -> None:
    kept = [
        int(subprocess.check_output([sys.executable, "-c", _KEPT, *words], cwd=ROOT))
        for words in ([], ["keep"])
    ]
    assert kept[0] < 10_000_000
    assert kept[1] > 90_000_000
