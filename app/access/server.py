"""What Streamlit's server lets any browser do to all others, prevented on a shared server."""

from streamlit.runtime.app_session import AppSession

from app.access import roles

_MARK = "bearings_keeps_caches"


def keep_caches() -> None:
    """Let no browser clear the caches of all, which Streamlit's protocol offers to every one.

    Afterwards every model would be loaded anew. On one's own machine nothing changes.
    """
    if hasattr(AppSession, _MARK):
        return
    clear = AppSession._handle_clear_cache_request

    def clear_if_alone(session: AppSession) -> None:
        if not roles.is_shared():
            clear(session)

    setattr(AppSession, _MARK, True)
    AppSession._handle_clear_cache_request = clear_if_alone  # type: ignore[assignment, method-assign]
