"""What differs between operating systems: locks, processes, signals and the renaming of files.

`SYSTEM` is the one for this machine: `Posix` (Linux, macOS) or `Windows`. Nothing else in the
project calls a function that only one of them has; a test reads the sources for such calls. Both
pass the same tests, `Windows` with its kernel imitated; it was never run on Windows itself.
"""

import ctypes
import errno
import importlib
import os
import shlex
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal, TypeVar

import psutil

Process = subprocess.Popen[bytes]
Resource = Literal["AS", "CORE", "CPU", "FSIZE"]
"""Address space, size of a core dump, processor seconds, size of a written file."""
Result = TypeVar("Result")


class System(ABC):
    """An operating system, as far as Bearings meets it.

    A handle is what this system gives for an open file: a descriptor, or a Windows handle.

    Attributes:
        stop_signals: Signals that ask a process to save and stop, each with its name for people.
    """

    stop_signals: Mapping[int, str]

    @abstractmethod
    def lock(self, path: Path) -> int | None:
        """Open a file, made if missing, and lock it for this process alone.

        Returns:
            The handle that holds the lock, not inherited by children; None if another holder has
            it. The lock belongs to the open file: it ends with the last process that has the
            handle, in whatever way that process ends.
        """

    @abstractmethod
    def is_locked(self, path: Path) -> bool:
        """Return whether any process, this one included, holds the lock on a file."""

    @abstractmethod
    def keep_private(self, handle: int) -> None:
        """Keep a handle that the starter of this process passed on from being inherited again."""

    @abstractmethod
    def close(self, handle: int) -> None:
        """Close a handle; a process that inherited it keeps its own."""

    @abstractmethod
    def start(
        self,
        command: Sequence[str],
        *,
        stdin: int | IO[bytes],
        output: IO[bytes],
        environment: Mapping[str, str],
        cwd: Path,
        handles: Sequence[int] = (),
    ) -> Process:
        """Start a process that outlives its starter and receives no signal meant for its group.

        Args:
            command: Program and arguments.
            stdin: File that it reads, or `subprocess.DEVNULL`.
            output: File that gets stdout and stderr, as `open_log` opens it.
            environment: Its whole environment.
            cwd: Its working folder.
            handles: Handles that it inherits under the same numbers.
        """

    @abstractmethod
    def python(self) -> tuple[str, dict[str, str]]:
        """Return the path of this Python and what the environment of a child needs for it.

        The process that is started is Python itself, so that its number is the job's.
        """

    @abstractmethod
    def request_stop(self, process: psutil.Process) -> None:
        """Send a process and its group the signal that asks to save and stop, if possible."""

    @abstractmethod
    def kill(self, process: psutil.Process) -> None:
        """End a process and its workers at once; nothing happens if it has ended."""

    @abstractmethod
    def lower_priority(self, process: psutil.Process) -> None:
        """Let other processes go first."""

    @abstractmethod
    def killed(self, code: int) -> str | None:
        """Return what killed a process, by its exit code; None if it ended by itself."""

    @abstractmethod
    def limit(self, resource: Resource, most: int) -> None:
        """Limit what this process may take, as far as the system can: seconds or bytes."""

    @abstractmethod
    def bound_free_memory(self) -> None:
        """Keep what this process has freed from growing with the number of its threads."""

    @abstractmethod
    def keep_free_memory(self) -> None:
        """Keep what this process frees for its own next use: steps of training take it again."""

    @abstractmethod
    def open_log(self, path: Path) -> BinaryIO:
        """Open a file whose every write goes to its end, whoever else writes to it."""

    @abstractmethod
    def replace(self, source: Path, target: Path, *, durable: bool = True) -> None:
        """Rename a file or folder onto another name in one step.

        If `durable`, the new name is on disk when this returns.
        """

    @abstractmethod
    def patiently(self, act: Callable[[], Result]) -> Result:
        """Call a function on files again while another process keeps a file from being opened."""

    @abstractmethod
    def command_line(self, words: Sequence[str]) -> str:
        """Return words as one line that this system's shell splits into the same words."""

    @abstractmethod
    def virtual_environment(self, version: str) -> str:
        """Return the commands that make and enter `venv` with a Python of a version like 3.11."""


class Posix(System):
    """Linux and macOS."""

    stop_signals: Mapping[int, str] = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}
    _LOWEST, _STEP = 19, 5
    # M_ARENA_MAX, M_MMAP_MAX and M_TRIM_THRESHOLD of glibc's malloc.h.
    _ARENA_MAX, _MMAP_MAX, _TRIM_THRESHOLD = -8, -4, -1
    _HEAPS = 2

    def lock(self, path: Path) -> int | None:
        """Take an `flock`, which belongs to the open file and is inherited with it."""
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if self._flock(handle, shared=False):
            return handle
        os.close(handle)
        return None

    def is_locked(self, path: Path) -> bool:
        """Try a shared lock, which two who ask at once both get."""
        try:
            handle = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            return not self._flock(handle, shared=True)
        finally:
            os.close(handle)

    def keep_private(self, handle: int) -> None:
        """Close the descriptor when another program is started."""
        os.set_inheritable(handle, False)

    def close(self, handle: int) -> None:
        """Close a descriptor."""
        os.close(handle)

    def start(
        self,
        command: Sequence[str],
        *,
        stdin: int | IO[bytes],
        output: IO[bytes],
        environment: Mapping[str, str],
        cwd: Path,
        handles: Sequence[int] = (),
    ) -> Process:
        """Start a process in a session of its own."""
        return subprocess.Popen(
            command,
            stdin=stdin,
            stdout=output,
            stderr=output,
            env=environment,
            cwd=cwd,
            start_new_session=True,
            pass_fds=handles,
        )

    def python(self) -> tuple[str, dict[str, str]]:
        """Return this very program."""
        return sys.executable, {}

    def request_stop(self, process: psutil.Process) -> None:
        """Send SIGTERM."""
        self._signal(process, signal.SIGTERM)

    def kill(self, process: psutil.Process) -> None:
        """Send SIGKILL."""
        self._signal(process, signal.SIGKILL)

    def lower_priority(self, process: psutil.Process) -> None:
        """Raise the niceness by 5."""
        process.nice(min(self._LOWEST, process.nice() + self._STEP))

    def killed(self, code: int) -> str | None:
        """Name the signal: Python gives it as a negative exit code."""
        if code == -signal.SIGKILL:
            return (
                "killed (SIGKILL): by someone, or by the kernel because the machine ran out of "
                "memory"
            )
        if code >= 0:
            return None
        known = -code in {number.value for number in signal.Signals}
        return f"ended by signal {-code} ({signal.Signals(-code).name if known else 'unknown'})"

    def limit(self, resource: Resource, most: int) -> None:
        """Set the limit; macOS grants none of address space."""
        import resource as limits  # Windows has no such module

        which = getattr(limits, f"RLIMIT_{resource}")
        hard = limits.getrlimit(which)[1]
        if hard != limits.RLIM_INFINITY:
            most = min(most, hard)
        with suppress(OSError, ValueError):
            limits.setrlimit(which, (most, hard))

    def bound_free_memory(self) -> None:
        """Let all threads share few heaps, if the C library is glibc.

        It opens up to 8 heaps a core, so that threads never wait for each other, and each keeps
        what was freed in it: hundreds of megabytes with the threads of many sessions. Python's
        threads hardly ask for memory at the same moment.
        """
        with suppress(AttributeError, OSError):
            # Other libraries (musl, that of macOS) have no such function, or ignore it.
            ctypes.CDLL(None).mallopt(self._ARENA_MAX, self._HEAPS)

    def keep_free_memory(self) -> None:
        """Never return freed memory to the kernel, if the C library is glibc.

        It takes every large block from the kernel and returns it when it is freed. The activations
        of each step are such blocks, and the kernel clears every page of them anew.
        """
        with suppress(AttributeError, OSError):
            library = ctypes.CDLL(None)
            library.mallopt(self._MMAP_MAX, 0)
            library.mallopt(self._TRIM_THRESHOLD, 2**31 - 1)

    def open_log(self, path: Path) -> BinaryIO:
        """Open with O_APPEND, which the kernel keeps for every process that inherits the file."""
        return path.open("ab")

    def replace(self, source: Path, target: Path, *, durable: bool = True) -> None:
        """Rename, then sync the folder: a new name is on disk only when its folder is."""
        os.replace(source, target)
        if durable:
            self._sync_folder(target.parent)
        if durable and source.parent != target.parent:
            self._sync_folder(source.parent)

    def patiently(self, act: Callable[[], Result]) -> Result:
        """Call it once: an open file keeps nobody from opening or renaming it."""
        return act()

    def command_line(self, words: Sequence[str]) -> str:
        """Quote as `sh` does."""
        return shlex.join(words)

    def virtual_environment(self, version: str) -> str:
        """Name the Python by its version, as Linux and macOS do."""
        return f"python{version} -m venv venv && . venv/bin/activate"

    def _flock(self, handle: int, *, shared: bool) -> bool:
        import fcntl  # Windows has no such module

        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _signal(self, process: psutil.Process, number: signal.Signals) -> None:
        """Signal the group of a process that leads one; a process in another's group, alone."""
        try:
            if os.getpgid(process.pid) == process.pid:
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)
        except (ProcessLookupError, psutil.NoSuchProcess):
            # It ended by itself in between.
            return

    def _sync_folder(self, folder: Path) -> None:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        except OSError as error:
            # Some network file systems cannot sync a folder; they write names at once.
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise
        finally:
            os.close(handle)


class Windows(System):
    """Windows 10 and later. By design: it was tested with an imitated kernel only."""

    # 21 is SIGBREAK (Ctrl-Break), which Python names on Windows only.
    stop_signals: Mapping[int, str] = {
        signal.SIGINT: "Ctrl-C",
        signal.SIGTERM: "SIGTERM",
        21: "Ctrl-Break",
    }
    _CTRL_BREAK_EVENT = 1
    _CREATE_NEW_PROCESS_GROUP, _CREATE_NO_WINDOW = 0x0000_0200, 0x0800_0000
    _BELOW_NORMAL_PRIORITY = 0x0000_4000
    _GENERIC_READ, _GENERIC_WRITE, _FILE_APPEND_DATA = 0x8000_0000, 0x4000_0000, 0x4
    _SYNCHRONIZE = 0x0010_0000
    _SHARE_READ, _SHARE_WRITE, _SHARE_DELETE = 1, 2, 4
    _OPEN_EXISTING, _OPEN_ALWAYS = 3, 4
    _ACCESS_DENIED, _SHARING_VIOLATION = 5, 32
    # What `psutil` and this class end a process with.
    _TERMINATED = 15
    _STATUS_ERROR = 0xC000_0000
    _STATUS: Mapping[int, str] = {
        0xC000_0005: "it accessed memory that is not its own",
        0xC000_0017: "the machine ran out of memory",
        0xC000_012D: "the machine ran out of memory",
        0xC000_013A: "Ctrl-C, Ctrl-Break or a closed console",
    }
    # Readers keep a file open for milliseconds, virus scanners for longer.
    _PATIENCE_S, _POLL_S = 5.0, 0.01

    def lock(self, path: Path) -> int | None:
        """Open the file so that nobody else can open it for reading or writing.

        `msvcrt.locking` would not do: its locks belong to a process and are not inherited. What an
        open file shares belongs to the file, and ends with the last handle to it. Deleting is
        shared, so that the holder of a folder can delete it.
        """
        return self._open(path, self._SHARE_DELETE, self._GENERIC_READ | self._GENERIC_WRITE)

    def is_locked(self, path: Path) -> bool:
        """Try to open the file for reading, which two who ask at once both can."""
        share = self._SHARE_READ | self._SHARE_WRITE | self._SHARE_DELETE
        try:
            handle = self._open(path, share, self._GENERIC_READ, self._OPEN_EXISTING)
        except FileNotFoundError:
            return False
        if handle is None:
            return True
        self.close(handle)
        return False

    def keep_private(self, handle: int) -> None:
        """Clear the handle's flag for inheritance."""
        _os_only_on_windows("set_handle_inheritable")(handle, False)

    def close(self, handle: int) -> None:
        """Close a handle."""
        _winapi().CloseHandle(handle)

    def start(
        self,
        command: Sequence[str],
        *,
        stdin: int | IO[bytes],
        output: IO[bytes],
        environment: Mapping[str, str],
        cwd: Path,
        handles: Sequence[int] = (),
    ) -> Process:
        """Start a process with a hidden console and a group of its own.

        Closing the starter's console or pressing Ctrl-C there does not reach it. A process without
        any console (`DETACHED_PROCESS`) would open a window for each program that it starts.
        """
        set_inheritable = _os_only_on_windows("set_handle_inheritable")
        # Looked up by name, as type checkers know them on Windows only.
        startup_info = getattr(subprocess, "STARTUPINFO")  # noqa: B009
        popen: Callable[..., Process] = subprocess.Popen
        for handle in handles:
            set_inheritable(handle, True)
        try:
            return popen(
                command,
                stdin=stdin,
                stdout=output,
                stderr=output,
                env=environment,
                cwd=cwd,
                creationflags=self._CREATE_NEW_PROCESS_GROUP | self._CREATE_NO_WINDOW,
                startupinfo=startup_info(lpAttributeList={"handle_list": list(handles)}),
            )
        finally:
            for handle in handles:
                set_inheritable(handle, False)

    def python(self) -> tuple[str, dict[str, str]]:
        """Return the Python behind a virtual environment's launcher, told which environment it is.

        `python.exe` of a virtual environment starts another process and waits for it: its number
        is not Python's, and it would keep an inherited lock. `multiprocessing` does the same.
        """
        base: str = getattr(sys, "_base_executable", sys.executable)
        told = {} if base == sys.executable else {"__PYVENV_LAUNCHER__": sys.executable}
        return base, told

    def request_stop(self, process: psutil.Process) -> None:
        """Send Ctrl-Break, which reaches only processes of the same console.

        A job that the queue started has a console of its own: it reads its stop file.
        """
        try:
            process.send_signal(self._CTRL_BREAK_EVENT)
        except (OSError, psutil.Error):
            return

    def kill(self, process: psutil.Process) -> None:
        """Terminate a process and all that it started."""
        try:
            family = [*process.children(recursive=True), process]
        except psutil.NoSuchProcess:
            return
        for each in family:
            try:
                each.kill()
            except psutil.NoSuchProcess:
                continue

    def lower_priority(self, process: psutil.Process) -> None:
        """Set the priority class below normal."""
        process.nice(self._BELOW_NORMAL_PRIORITY)

    def killed(self, code: int) -> str | None:
        """Name what ended a process: its exit code is a status of Windows, or what kills give."""
        if code == self._TERMINATED:
            return "terminated by someone"
        if code >= self._STATUS_ERROR:
            return f"ended by Windows (status 0x{code:08X}: {self._STATUS.get(code, 'a crash')})"
        return None

    def limit(self, resource: Resource, most: int) -> None:
        """Limit nothing: a process alone cannot."""

    def bound_free_memory(self) -> None:
        """Do nothing: all threads share the heap of the process."""

    def keep_free_memory(self) -> None:
        """Do nothing: it was not measured there."""

    def open_log(self, path: Path) -> BinaryIO:
        """Open for appending in the kernel: Python's mode `a` holds in its own process only."""
        share = self._SHARE_READ | self._SHARE_WRITE | self._SHARE_DELETE
        handle = self._open(path, share, self._FILE_APPEND_DATA | self._SYNCHRONIZE)
        if handle is None:
            raise PermissionError(errno.EACCES, "another program keeps it from being written", path)
        open_handle = importlib.import_module("msvcrt").open_osfhandle
        return os.fdopen(open_handle(handle, os.O_APPEND | os.O_WRONLY), "ab")

    def replace(self, source: Path, target: Path, *, durable: bool = True) -> None:
        """Rename, again while another process has one of the two open.

        A folder cannot be synced on Windows; its journal keeps the order of changes of names.
        """
        self.patiently(lambda: os.replace(source, target))

    def patiently(self, act: Callable[[], Result]) -> Result:
        """Call it again for some seconds while Windows refuses because a file is open elsewhere."""
        deadline = time.monotonic() + self._PATIENCE_S
        while True:
            try:
                return act()
            except PermissionError as error:
                shared = (self._ACCESS_DENIED, self._SHARING_VIOLATION)
                if getattr(error, "winerror", None) not in shared or time.monotonic() > deadline:
                    raise
            time.sleep(self._POLL_S)

    def command_line(self, words: Sequence[str]) -> str:
        """Quote as Windows programs split their command line."""
        return subprocess.list2cmdline(words)

    def virtual_environment(self, version: str) -> str:
        """Ask Windows' launcher for the version; two lines, as PowerShell 5 has no `&&`."""
        return f"py -{version} -m venv venv\nvenv\\Scripts\\activate"

    def _open(
        self, path: Path, share: int, access: int, disposition: int = _OPEN_ALWAYS
    ) -> int | None:
        """Open a file; None if another handle to it forbids that. The handle is not inherited."""
        try:
            handle: int = _winapi().CreateFile(str(path), access, share, 0, disposition, 0, 0)
        except OSError as error:
            if getattr(error, "winerror", None) == self._SHARING_VIOLATION:
                return None
            raise
        return handle


def _winapi() -> Any:  # noqa: ANN401 - a module that type checkers know on Windows only
    return importlib.import_module("_winapi")


def _os_only_on_windows(name: str) -> Callable[[int, bool], None]:
    found: Callable[[int, bool], None] = getattr(os, name)
    return found


SYSTEM: System = Windows() if sys.platform == "win32" else Posix()
