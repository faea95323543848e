"""The one gate: whatever writes, starts or stops something asks it first, at the action itself."""

import threading
from collections import OrderedDict

from app.access.roles import FILE, RANK, Role, access, is_shared, person
from core.errors import AccessError

_MOST_SESSIONS = 10_000
_admitted: OrderedDict[str, None] = OrderedDict()
_lock = threading.Lock()


def allows(role: Role) -> bool:
    """Whether the person behind this session has a role, or a higher one."""
    return RANK[person().role] >= RANK[role]


def need(role: Role) -> None:
    """Let only a person with a role, or a higher one, pass.

    Raises:
        AccessError: The person has a lower one; says who can give it.
    """
    who = person()
    if RANK[who.role] >= RANK[role]:
        return
    signed_in = f"{who.name} is a {who.role}" if who.name else f"you are a {who.role}"
    if who.note:
        raise AccessError(f"only an {role} may do this, and nobody counts as one now: {who.note}")
    if access() is None:
        raise AccessError(
            f"only an {role} may do this, and this server is open to a network without a file "
            f"{FILE} that names one: see docs/deploy.md"
        )
    article = "an" if role == "operator" else "a"
    raise AccessError(
        f"only {article} {role} may do this, and {signed_in}: whoever runs this server gives roles "
        f"in {FILE}"
    )


def admit(session: str, *, admitted: bool) -> None:
    """Remember whether a session may upload files; its page is drawn before it does."""
    with _lock:
        _admitted.pop(session, None)
        if admitted:
            _admitted[session] = None
        while len(_admitted) > _MOST_SESSIONS:
            _admitted.popitem(last=False)


def is_admitted(session: str) -> bool:
    """Whether a session may upload files; asked where no page runs, and so no person is known."""
    with _lock:
        return session in _admitted or not is_shared()
