"""What Streamlit's server lets any browser do to all others, prevented on a shared server."""

from streamlit import config
from streamlit.runtime.app_session import AppSession

from app.access import roles

_MARK = "bearings_keeps_caches"


def guard() -> None:
    """Let no browser clear caches, write files or read traces; does nothing on one's own machine.

    Streamlit's protocol offers the first to every session; afterwards every model would be loaded
    anew. It also offers to write help files of its own into the project, unless the server is
    headless or the browser is elsewhere: behind a proxy on the same machine none is. The trace of a
    bug names files and values, which belong in the server's log.
    """
    if roles.is_shared():
        config.set_option("server.headless", True)
        config.set_option("client.showErrorDetails", "none")
    if hasattr(AppSession, _MARK):
        return
    clear = AppSession._handle_clear_cache_request

    def clear_if_alone(session: AppSession) -> None:
        if not roles.is_shared():
            clear(session)

    setattr(AppSession, _MARK, True)
    AppSession._handle_clear_cache_request = clear_if_alone  # type: ignore[assignment, method-assign]
