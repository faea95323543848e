"""A server that starts goes on where the last one was killed, once, whoever opens a page."""

import threading
from pathlib import Path

import pytest
from streamlit import runtime

from app import server_start
from app.workspace import Workspace
from core.files import write_json


def test_a_server_continues_its_workspace_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs").mkdir()
    left = tmp_path / "data" / ".bearings-deleted-campus-1" / "labels.csv"
    write_json(left, {})
    started: list[Path] = []
    monkeypatch.setattr(server_start, "ensure_runner", started.append)
    monkeypatch.setattr(server_start, "_begun", set())
    monkeypatch.setattr(runtime, "exists", lambda: False)
    server_start.begin(Workspace(tmp_path))
    assert started == [], "a page that no server shows continues nothing"
    monkeypatch.setattr(runtime, "exists", lambda: True)
    for _ in range(3):
        server_start.begin(Workspace(tmp_path))
        for thread in threading.enumerate():
            if thread.name == "server start":
                thread.join()
    assert started == [tmp_path / "runs"]
    assert list((tmp_path / "data").iterdir()) == []


def test_a_folder_that_cannot_be_read_stops_no_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(root: Path) -> None:
        raise OSError(28, "No space left on device", str(root))

    (tmp_path / "runs").mkdir()
    monkeypatch.setattr(server_start, "ensure_runner", fails)
    server_start.resume(Workspace(tmp_path))
    assert "No space left" in caplog.text
