"""What Streamlit's server lets browsers and other sites do, prevented once a page is drawn."""

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from streamlit import config
from streamlit.runtime.app_session import AppSession
from streamlit.web.server.starlette.starlette_path_security_middleware import PathSecurityMiddleware
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

from app.access import roles

_MARK = "bearings_guard"
# Whatever watches the server asks for it by any address.
_HEALTH = "/_stcore/health"


def guard() -> None:
    """Serve under the allowed names only; on a shared server, let no browser act for all.

    Streamlit's protocol offers every session to clear the caches; afterwards every model would be
    loaded anew. It also offers to write help files of its own into the project, unless the server
    is headless or the browser is elsewhere: behind a proxy on the same machine none is. The trace
    of a bug names files and values, which belong in the server's log.
    """
    _guard_hosts()
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


def _guard_hosts() -> None:
    """Refuse every request under a name that `server.allowedHosts` lacks, with the status 403.

    Streamlit itself refuses only the websocket, through which pages come. Before the first page
    is drawn there are no pictures, downloads or uploads that another site could ask for.
    """
    if hasattr(PathSecurityMiddleware, _MARK):
        return
    answer = PathSecurityMiddleware.__call__

    async def answer_allowed(
        self: PathSecurityMiddleware, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if (
            scope["type"] == "http"
            and not scope["path"].endswith(_HEALTH)
            and not is_host_allowed(Headers(scope=scope).get("host"))
        ):
            refusal = PlainTextResponse("This server does not answer to that name.", 403)
            await refusal(scope, receive, send)
            return
        await answer(self, scope, receive, send)

    setattr(PathSecurityMiddleware, _MARK, True)
    PathSecurityMiddleware.__call__ = answer_allowed  # type: ignore[method-assign]
