"""Where a new job is computed: on this machine, or on a Ray cluster that it can reach."""

import streamlit as st

from app import states
from core.cluster.client import check_address
from core.errors import ConfigError
from core.jobs.job import LOCAL

_ON, _HERE = "train_on", "This machine"


def pick() -> str | None:
    """Ask where; return `local` or a checked address, or None beside what is wrong with it."""
    typed = st.session_state.get(_ON)
    said = st.selectbox(
        "Run on",
        [_HERE] if typed in (None, _HERE) else [_HERE, typed],
        key=_ON,
        accept_new_options=True,
        persist_state="session",
        help="Or type the address of a Ray cluster, such as `http://host:8265` or "
        "`ray://host:10001`.",
    )
    if said in (None, _HERE):
        return LOCAL
    try:
        return check_address(str(said))
    except ConfigError as error:
        states.show_error(error)
        return None
