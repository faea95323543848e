"""Every action of the app that writes, starts or stops something asks the gate before it."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.exceptions import HTTPException
from streamlit import config
from streamlit.runtime import caching
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from app import cache, demo, upload_limit
from app.access import gate, roles, server
from app.access.roles import Person
from app.data.review import actions
from app.evaluate.evaluation import evaluate_here
from app.home import tour
from app.selection import saved_views, tagging
from app.train import compute_target
from app.workspace import Workspace
from core.errors import AccessError
from core.evaluation.schema import EvaluateConfig
from core.project import WORKSPACE
from tests.app.access.writers import ROOT, unguarded, writers

# Each with its reason.
UNGUARDED = {
    # Arrangements of photos that a page shows: a cache, written by a thread, named by its content.
    "app/embedding.py folder.mkdir",
    "app/embedding.py write_bytes",
    "app/embedding.py file.unlink",
    # Once a server, whoever opens the first page: jobs that an operator began go on.
    "app/server_start.py ensure_runner",
    "app/server_start.py sweep_trash",
    # Encodes a picture in memory.
    "app/cache.py photo_jpeg",
}


def test_no_writer_is_called_outside_the_gate() -> None:
    found = {
        f"{line.partition(':')[0]} {line.split()[-1]}"
        for folder in ("app", "pages")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line in unguarded(path)
    }
    assert found == UNGUARDED


def test_the_search_knows_what_writes() -> None:
    for module, name in (
        ("core.jobs.queue", "enqueue"), ("core.jobs.queue", "cancel"), ("core.jobs.queue", "move"),
        ("core.jobs.queue", "requeue"), ("core.jobs.queue", "stop"),
        ("core.jobs.queue", "enqueue_job"), ("core.crossval.folder", "enqueue_crossval"),
        ("core.jobs.runner", "ensure_runner"), ("core.deletion.runs", "delete_runs"),
        ("core.deletion.dataset", "delete_dataset"), ("core.views", "change_views"),
        ("core.jobs.notes", "write_notes"), ("core.ensemble.make", "make_ensemble"),
        ("core.evaluation.evaluate", "evaluate"), ("core.dataset.tags", "change_tags"),
        ("core.dataset.mapping", "save_reading"), ("core.audit.review", "decide"),
        ("core.audit.review", "take_back"), ("core.audit.review", "undo_last"),
        ("core.audit.review", "accept_by_rule"), ("core.audit.run", "audit"),
        ("core.files", "write_json"),
    ):  # fmt: skip
        assert (module, name) in writers(), f"{module}.{name}"
    assert ("core.dataset.tags", "read_tags") not in writers()


def test_the_search_finds_a_writer_without_its_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.app.access.writers.ROOT", tmp_path)
    text = (ROOT / "app" / "train" / "watch.py").read_text()
    copy = tmp_path / "watch.py"
    copy.write_text(text)
    assert list(unguarded(copy)) == []
    copy.write_text(text.replace('gate.need("operator")', "pass"))
    assert len(list(unguarded(copy))) >= 4


def test_a_person_passes_only_with_the_role(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "access", lambda: roles.Access(login="oidc"))
    for who in roles.RANK:
        monkeypatch.setattr(gate, "person", lambda who=who: Person("ada@example.org", who))
        for needed in roles.RANK:
            passes = roles.RANK[who] >= roles.RANK[needed]
            assert gate.allows(needed) == passes
            if passes:
                gate.need(needed)
                continue
            with pytest.raises(AccessError, match=f"ada@example.org is a {who}"):
                gate.need(needed)


@pytest.fixture
def as_viewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace in which everybody is a viewer."""
    (tmp_path / "access.toml").write_text('login = "none"\nothers = "viewer"\n')
    monkeypatch.setenv(WORKSPACE, str(tmp_path))
    return tmp_path


def test_no_action_changes_anything_for_a_viewer(
    as_viewer: Path, small_campus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state: dict[str, object] = {}
    monkeypatch.setattr("streamlit.session_state", state)
    before = sorted(small_campus.rglob("*"))
    name = "images/img_0000.jpg"
    tagging._change(small_campus, (name,), add="mine")
    saved_views._store(as_viewer, "view", {"region": ["1"]})
    actions.undo(small_campus)
    actions.forget(small_campus, [])
    tour._keep(False)
    demo.render().start(Workspace(as_viewer))
    for act in (
        lambda: evaluate_here(EvaluateConfig(run=as_viewer), small_campus),
        lambda: cache.make_audit(small_campus, False, print, print),
    ):
        with pytest.raises(AccessError, match="only an operator"):
            act()
    assert sorted(small_campus.rglob("*")) == before
    assert [path.name for path in as_viewer.iterdir() if path != small_campus] == ["access.toml"]
    assert sum("only an operator" in str(text) for text in state.values()) == 3


def test_a_session_that_sees_no_page_uploads_nothing(as_viewer: Path) -> None:
    uploads = MemoryUploadedFileManager("/upload")
    upload_limit.limit(uploads)
    photo = UploadedFileRec("1", "1.jpg", "image/jpeg", b"x")
    with pytest.raises(HTTPException) as caught:
        uploads.add_file("one", photo)
    assert caught.value.status_code == 403
    gate.admit("one", admitted=True)
    uploads.add_file("one", photo)
    gate.admit("one", admitted=False)
    with pytest.raises(HTTPException):
        uploads.add_file("one", photo)
    (as_viewer / "access.toml").unlink()


def test_no_browser_clears_the_caches_of_a_shared_server_or_writes_files(
    as_viewer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleared: list[str] = []
    monkeypatch.setattr(config, "set_option", lambda name, value: cleared.append(f"{name} {value}"))
    server.guard()
    assert cleared == ["server.headless True", "client.showErrorDetails none"]
    cleared.clear()
    for name in ("cache_data", "cache_resource"):
        monkeypatch.setattr(
            caching, name, SimpleNamespace(clear=lambda name=name: cleared.append(name))
        )
    session = SimpleNamespace(_session_state={})
    AppSession._handle_clear_cache_request(session)  # type: ignore[arg-type]
    assert cleared == []
    monkeypatch.setenv(WORKSPACE, str(as_viewer / "alone"))
    AppSession._handle_clear_cache_request(session)  # type: ignore[arg-type]
    assert cleared == ["cache_data", "cache_resource"]


def test_a_shared_server_uses_the_clusters_that_are_listed(
    as_viewer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (as_viewer / "access.toml").write_text(
        'login = "none"\nothers = "operator"\nclusters = ["http://head:8265"]\n'
    )
    state = {"train_on": "http://head"}
    monkeypatch.setattr("streamlit.session_state", state)
    assert compute_target.chosen() == "http://head:8265"
    state["train_on"] = "http://169.254.169.254:80"
    with pytest.raises(AccessError, match="not among the clusters"):
        compute_target.chosen()
