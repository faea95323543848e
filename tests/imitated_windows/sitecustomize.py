"""What `core.system.Windows` calls, imitated on Linux: locks, inherited handles, new processes.

With this folder first in PYTHONPATH a process believes it is on Windows as far as `core.system`
goes. The imitation refuses what Windows would refuse: a handle that is not inheritable, options of
POSIX, a file that its holder does not share.
"""

import errno
import fcntl
import os
import subprocess
import sys
import types
from typing import Any

GENERIC_READ, GENERIC_WRITE, APPEND = 0x8000_0000, 0x4000_0000, 0x4
SHARE_READ, SHARE_WRITE, SHARE_DELETE = 1, 2, 4
OPEN_EXISTING, OPEN_ALWAYS = 3, 4
SHARING_VIOLATION, INVALID_PARAMETER = 32, 87
NEW_PROCESS_GROUP, NO_WINDOW = 0x200, 0x0800_0000

_real_popen = subprocess.Popen


class StartupInfo:
    """`subprocess.STARTUPINFO`."""

    def __init__(self, *, lpAttributeList: dict[str, list[int]]) -> None:  # noqa: N803 - its name
        self.attributes = lpAttributeList


def refused(number: int, path: str = "") -> OSError:
    """The error of Windows with a number."""
    error = PermissionError(errno.EACCES, "the file is open elsewhere", path)
    error.winerror = number  # type: ignore[attr-defined]
    return error


def create_file(
    path: str, access: int, share: int, security: int, disposition: int, flags: int, template: int
) -> int:
    """`CreateFileW`: what its holder does not share, nobody else opens."""
    assert isinstance(path, str)
    assert (security, flags, template) == (0, 0, 0)
    assert disposition in (OPEN_EXISTING, OPEN_ALWAYS)
    mode = os.O_RDWR if access & GENERIC_WRITE else os.O_RDONLY
    if access & APPEND:
        mode = os.O_WRONLY | os.O_APPEND
    handle = os.open(path, mode | (os.O_CREAT if disposition == OPEN_ALWAYS else 0), 0o644)
    kind = fcntl.LOCK_SH if share & (SHARE_READ | SHARE_WRITE) else fcntl.LOCK_EX
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise refused(SHARING_VIOLATION, path) from None
    return handle


class Popen(_real_popen):  # type: ignore[type-arg]
    """`Popen` of Windows: handles are inherited where the list names them and their flag is set."""

    def __init__(self, command: Any, **options: Any) -> None:  # noqa: ANN401 - as Popen takes them
        if "creationflags" in options:
            assert not {"start_new_session", "pass_fds", "preexec_fn"} & set(options)
            assert options.pop("creationflags") == NEW_PROCESS_GROUP | NO_WINDOW
            handles = options.pop("startupinfo").attributes["handle_list"]
            if not all(os.get_inheritable(handle) for handle in handles):
                raise refused(INVALID_PARAMETER)
            options |= {"start_new_session": True, "pass_fds": handles}
        super().__init__(command, **options)


def install() -> None:
    """Give this process what Windows has where `core.system` looks for it."""
    winapi = types.ModuleType("_winapi")
    winapi.CreateFile = create_file  # type: ignore[attr-defined]
    winapi.CloseHandle = os.close  # type: ignore[attr-defined]
    crt = types.ModuleType("msvcrt")
    crt.open_osfhandle = lambda handle, flags: handle  # type: ignore[attr-defined]
    sys.modules.update({"_winapi": winapi, "msvcrt": crt})
    os.set_handle_inheritable = os.set_inheritable  # type: ignore[attr-defined]
    subprocess.STARTUPINFO = StartupInfo  # type: ignore[attr-defined]
    subprocess.Popen = Popen  # type: ignore[assignment,misc]


def _be_windows() -> None:
    """For a process that is started with this folder in PYTHONPATH."""
    import core.system

    install()
    core.system.SYSTEM = core.system.Windows()


if os.environ.get("BEARINGS_IMITATE_WINDOWS"):
    _be_windows()
