"""The pages of a shared server, as each role sees them, and what its buttons do."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app.access import roles
from app.train import queue_view
from core.dataset.tags import read_tags
from core.jobs.queue import cancel, enqueue
from core.project import ROOTS
from core.training.schema import TrainConfig
from tests.app.page_text import said

OpenPage = Callable[..., AppTest]
NAME = "ada@example.org"


@pytest.fixture
def as_role(
    full_workspace: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., AppTest]:
    """Give `as_role("viewer", "train")`: a page as somebody of that role sees it."""

    def opened(
        role: str, page: str, root: Path = full_workspace, text: str = "", **query: str
    ) -> AppTest:
        (root / roles.FILE).write_text(f'login = "oidc"\n{text}\n[people]\n"{NAME}" = "{role}"\n')
        who = {"is_logged_in": True, "iat": time.time(), "email": NAME, "email_verified": True}
        monkeypatch.setattr(roles, "claims", lambda: who if role != "nobody" else {})
        if role == "nobody":
            (root / roles.FILE).write_text(f'login = "oidc"\n{text}\n')
        return open_page(root, page, **query)

    yield opened
    (full_workspace / roles.FILE).unlink(missing_ok=True)
    roles._seen.clear()


def labels(app: AppTest) -> set[str]:
    return {button.label for button in app.button if not button.disabled}


def test_who_is_not_signed_in_sees_the_way_in_and_no_more(
    as_role: Callable[..., AppTest],
) -> None:
    app = as_role("nobody", "data", dataset="data/tiny")
    assert not app.exception
    assert labels(app) == {"Sign in"}
    assert "Please sign in" in said(app)
    assert "Tiny" not in said(app)
    assert not app.sidebar.selectbox


def test_an_account_without_a_role_sees_that_it_has_none(as_role: Callable[..., AppTest]) -> None:
    app = as_role("visitor", "home")
    assert "has no role here" in said(app)
    assert labels(app) == {"Sign out"}


def test_a_viewer_looks_and_changes_nothing(as_role: Callable[..., AppTest]) -> None:
    app = as_role("viewer", "home")
    assert f"**{NAME.replace('@', chr(0x2060) + '@')}**  \nViewer: look and predict" in said(app)
    for page, absent in (
        ("data", {"Add to all", "Save", "Delete …"}),
        ("train", {"Start training", "All options …"}),
        ("tune", {"Start the search"}),
        ("runs", {"Delete …", "Save", "Make the ensemble"}),
        ("evaluate", {"Evaluate now"}),
    ):
        app = as_role("viewer", page)
        assert not app.exception
        assert not app.error
        assert not labels(app) & absent


def test_only_an_operator_looks_for_jobs_to_start_again(
    as_role: Callable[..., AppTest], workspace_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = workspace_copy / "runs" / "one"
    enqueue(TrainConfig.model_validate({"dataset": workspace_copy / "data" / "tiny", "run": run}))
    cancel(run)
    looked: list[object] = []
    monkeypatch.setattr(queue_view, "_resumes", lambda *seen: looked.append(seen))
    assert "cancelled" in said(as_role("viewer", "train", workspace_copy))
    assert not looked
    as_role("operator", "train", workspace_copy)
    assert looked


def test_an_operator_has_every_button(as_role: Callable[..., AppTest]) -> None:
    assert {"Start training", "All options …", "Sign out"} <= labels(as_role("operator", "train"))
    assert "Evaluate now" in labels(as_role("operator", "evaluate"))


def test_a_button_of_an_operator_does_nothing_once_the_role_is_gone(
    as_role: Callable[..., AppTest], workspace_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = as_role("operator", "evaluate", workspace_copy)
    file = workspace_copy / roles.FILE
    reports = sorted((workspace_copy / "checkpoints").rglob("*"))
    # The button is on the page, and its click reaches the server.
    file.write_text(file.read_text().replace("operator", "viewer"))
    next(each for each in app.button if each.label == "Evaluate now").click().run()
    assert sorted((workspace_copy / "checkpoints").rglob("*")) == reports

    file.write_text(file.read_text().replace("viewer", "operator"))
    app = as_role("operator", "train", workspace_copy)
    file.write_text(file.read_text().replace("operator", "viewer"))
    next(each for each in app.button if each.label == "Start training").click().run()
    assert not app.exception
    assert not (workspace_copy / "runs").exists()


def test_a_callback_says_why_it_did_nothing(
    as_role: Callable[..., AppTest], workspace_copy: Path
) -> None:
    app = as_role("operator", "data", workspace_copy, photo="images/img_0000.jpg")
    file = workspace_copy / roles.FILE
    file.write_text(file.read_text().replace("operator", "viewer"))
    box = next(each for each in app.multiselect if each.label == "Tags")
    box.set_value(["mine"]).run()
    assert "only an operator may do this" in said(app)
    assert read_tags(workspace_copy / "data" / "tiny") == {}


def test_a_visitor_sees_the_demo_only(
    as_role: Callable[..., AppTest], workspace_copy: Path
) -> None:
    for kind in ("data", "checkpoints"):
        name = {"data": "demo", "checkpoints": "demo-campus"}[kind]
        (workspace_copy / kind / "tiny").rename(workspace_copy / kind / name)
        (workspace_copy / kind / "private").mkdir()
    (workspace_copy / "data" / "private" / "labels.csv").write_text("filename\nsecret.jpg\n")
    public = 'visitors_see = "demo"'
    app = as_role("nobody", "data", workspace_copy, public)
    assert not app.exception
    assert "Not signed in  \nVisitor: the demo" in said(app)
    assert app.sidebar.selectbox(key="dataset").options == ["data/demo"]
    app = as_role("nobody", "data", workspace_copy, public, dataset="data/private")
    assert "cannot be opened here" in said(app)
    assert "secret" not in said(app)
    # A visitor sees no more of a link than a viewer.
    (workspace_copy / "data" / "demo").rename(workspace_copy.parent / "elsewhere")
    (workspace_copy / "data" / "demo").symlink_to(workspace_copy.parent / "elsewhere")
    app = as_role("nobody", "data", workspace_copy, public, dataset="data/demo")
    assert "cannot be opened here" in said(app)
    for page in ("train", "runs"):
        app = as_role("nobody", page, workspace_copy, public)
        assert "Visitors see the demo only" in said(app)
        assert labels(app) == {"Sign in"}


def test_a_bad_file_is_said_and_closes_the_app(
    full_workspace: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ROOTS, "")
    file = full_workspace / roles.FILE
    file.write_text('login = "oidc"\n[people]\n"ada@example.org" = "boss"\n')
    try:
        app = open_page(full_workspace, "data")
        assert not app.exception
        assert "cannot be used: nobody may do anything" in said(app)
        assert not labels(app)
    finally:
        file.unlink()
        roles._seen.clear()


def test_a_network_without_roles_is_warned_and_may_look(
    full_workspace: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = st.get_option
    monkeypatch.setattr(
        st, "get_option", lambda name: None if name == "server.address" else real(name)
    )
    app = open_page(full_workspace, "train")
    assert not app.exception
    assert "open to a network" in said(app)
    assert "Start training" not in labels(app)


def test_signing_in_that_is_not_set_up_says_so(as_role: Callable[..., AppTest]) -> None:
    app = as_role("nobody", "home")
    app.button(key="entrance_sign_in").click().run()
    assert not app.exception
    assert "Signing in is not set up" in said(app)
