"""A machine with GPUs, made up: what its driver says, and which job is shown which of them."""

import sys
from types import SimpleNamespace
from typing import Any

GIB = 2**30
# Lives until its input ends, and looks like a command of the command line.
COMMAND = [sys.executable, "-c", "import sys; sys.stdin.read()", "-m", "core"]


class NVMLError(Exception):
    """As the driver's library raises it."""


def fake_driver(count: int = 2, *, present: bool = True, pids: tuple[int, ...] = ()) -> Any:  # noqa: ANN401 - stands for a module
    def init() -> None:
        if not present:
            raise NVMLError("driver not loaded")

    def rates(handle: int) -> SimpleNamespace:
        if handle == 1:
            raise NVMLError("not supported")
        return SimpleNamespace(gpu=37)

    return SimpleNamespace(
        NVMLError=NVMLError,
        nvmlInit=init,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetCount=lambda: count,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetName=lambda handle: b"Old Card" if handle == 1 else "New Card",
        nvmlDeviceGetMemoryInfo=lambda handle: SimpleNamespace(used=GIB, total=8 * GIB),
        nvmlDeviceGetUtilizationRates=rates,
        nvmlDeviceGetComputeRunningProcesses=lambda handle: [
            SimpleNamespace(pid=pid) for pid in (pids if handle == 1 else ())
        ],
    )
