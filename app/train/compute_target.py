"""Where a new job is computed: this machine and its GPUs, or a Ray cluster that it can reach."""

from collections.abc import Sequence

import streamlit as st

from app.access import roles
from app.widgets import messages
from app.wording import level
from core.cluster.client import check_address
from core.errors import AccessError, BearingsError
from core.jobs.devices import Gpu, gpus
from core.jobs.job import LOCAL

_ON, HERE = "train_on", "This machine"
_GIB = 1024**3


def pick() -> None:
    """Ask where; what is wrong with an address is shown beside it."""
    typed, shared = st.session_state.get(_ON), roles.is_shared()
    offered = roles.clusters() if shared else () if typed in (None, HERE) else (typed,)
    st.selectbox(
        "Run on",
        [HERE, *offered],
        key=_ON,
        accept_new_options=not shared,
        persist_state="session",
        help="Or type the address of a Ray cluster, such as `http://host:8265` or "
        "`ray://host:10001`.",
    )
    try:
        chosen()
    except BearingsError as error:
        messages.show_error(error)


def chosen() -> str:
    """Return `local` or the address of a cluster.

    Raises:
        ConfigError: The address is not one.
        AccessError: The server is shared, and its file of roles does not list the address.
    """
    if is_here():
        return LOCAL
    address = check_address(str(st.session_state[_ON]))
    if roles.is_shared() and address not in map(check_address, roles.clusters()):
        raise AccessError(f"{address} is not among the clusters that {roles.FILE} lists")
    return address


def is_here() -> bool:
    """Whether this machine was chosen, or nothing yet."""
    return st.session_state.get(_ON) in (None, HERE)


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
    return "" if gpu.utilisation is None else f", computing {level(gpu.utilisation)} of the time"
