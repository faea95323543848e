"""What stands before every page of a shared server: the sign-in, the account, what is shown."""

import streamlit as st
from streamlit.errors import StreamlitAPIException
from streamlit.runtime.scriptrunner import get_script_run_ctx

from app.access import gate, roles
from app.access.roles import Person
from app.widgets import messages
from core.errors import AccessError

PUBLIC = ("", "home", "predict", "play", "data", "evaluate", "map", "explore", "explain")
"""Pages that a visitor sees if the demo is public."""
_ROLES = {
    "visitor": "the demo",
    "viewer": "look and predict",
    "operator": "everything",
}


def may_look() -> bool:
    """Whether the person behind this session sees any page at all."""
    try:
        rules = roles.access()
    except AccessError:
        return False
    demo = rules is not None and rules.visitors_see == "demo"
    return demo or gate.allows("viewer")


def is_open(page: str) -> bool:
    """Whether the person behind this session sees a page, by its short name."""
    return may_look() and (page in PUBLIC or gate.allows("viewer"))


def enter(page: str) -> bool:
    """Draw what stands before a page; return whether the page may be drawn."""
    who, looks = roles.person(), may_look()
    context = get_script_run_ctx()
    if context is not None:
        gate.admit(context.session_id, admitted=looks)
    if not looks:
        _closed(who)
        return False
    with st.sidebar:
        _account(who)
    if roles.is_open_to_a_network() and roles.access() is None:
        st.warning(
            "This server is open to a network, and no file says who may do what: everybody may "
            "look and predict, nobody may train or change anything. To serve this machine only, "
            "start it in the folder of the project, or with `--server.address localhost`. To share "
            "it, write `access.toml` as `docs/deploy.md` shows."
        )
    if is_open(page):
        return True
    st.info("Visitors see the demo only. This page needs an account with the role of a viewer.")
    _sign_in_button("entrance_sign_in_page")
    return False


def _closed(who: Person) -> None:
    st.title("Bearings")
    try:
        roles.access()
    except AccessError as error:
        # Who cannot sign in must not read names and addresses in the file; the log has them.
        local = not roles.is_open_to_a_network()
        why = f" {messages.plain(str(error))}" if local else " The log of the server says why."
        st.error(f"The file of roles, `{roles.FILE}`, cannot be used: nobody may do anything.{why}")
        return
    if who.name:
        st.info(
            f"{messages.plain(who.name)} has no role here. Whoever runs this server gives roles."
        )
        _sign_out_button()
        return
    if who.note:
        st.warning(messages.plain(who.note))
    st.write("Please sign in to see this app.")
    _sign_in_button("entrance_sign_in")
    if roles.claims():
        _sign_out_button()


def _account(who: Person) -> None:
    """Who is signed in, and the way in or out; nothing on a machine of one's own."""
    if not roles.is_shared():
        return
    rules, role = roles.access(), f"{who.role.capitalize()}: {_ROLES[who.role]}"
    if rules is None or rules.login == "none":
        st.caption(role)
        return
    name = f"**{messages.plain(who.name)}**" if who.name else "Not signed in"
    st.caption(f"{name}  \n{role}")
    if who.name:
        _sign_out_button()
    else:
        _sign_in_button("entrance_sign_in_sidebar")


def _sign_in_button(key: str) -> None:
    rules = roles.access()
    if rules is None or rules.login == "none":
        return
    if rules.login == "proxy":
        st.caption("The proxy before this server signs people in.")
        return
    if st.button("Sign in", key=key, type="primary"):
        try:
            st.login()
        except StreamlitAPIException as error:
            # Authlib is missing, or `.streamlit/secrets.toml` has no provider.
            messages.show_error(f"Signing in is not set up, see docs/deploy.md: {error}")


def _sign_out_button() -> None:
    rules = roles.access()
    if rules is not None and rules.login == "oidc":
        st.button("Sign out", key="entrance_sign_out", on_click=st.logout)
