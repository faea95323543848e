"""The GPUs of this machine in a line each; nothing where there is none."""

from collections.abc import Sequence

import streamlit as st

from core.jobs.gpus import Gpu, gpus

_GIB = 1024**3


def show() -> None:
    """Say name, memory and use of every GPU."""
    for line in lines(gpus()):
        st.caption(line)


def lines(found: Sequence[Gpu]) -> list[str]:
    """`cuda:0: NVIDIA H100, 21.3 of 79.6 GiB in use, computing 97 % of the time`."""
    return [
        f"`cuda:{gpu.index}`: {gpu.name}, {gpu.used_bytes / _GIB:.1f} of "
        f"{gpu.total_bytes / _GIB:.1f} GiB in use" + _computing(gpu)
        for gpu in found
    ]


def _computing(gpu: Gpu) -> str:
    return "" if gpu.utilisation is None else f", computing {gpu.utilisation:.0%} of the time"
