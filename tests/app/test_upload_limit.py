"""One session cannot fill the memory of the server with uploads."""

import pytest
from starlette.exceptions import HTTPException
from streamlit.elements.widgets.chat import ChatInputValue
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFile, UploadedFileRec

from app import upload_limit


def file(number: int, size: int) -> UploadedFileRec:
    return UploadedFileRec(str(number), f"{number}.jpg", "image/jpeg", bytes(size))


@pytest.fixture
def uploads(monkeypatch: pytest.MonkeyPatch) -> MemoryUploadedFileManager:
    monkeypatch.setattr(upload_limit, "MOST_MB", 3)
    monkeypatch.setattr(upload_limit, "MOST_MB_IN_ALL", 5)
    store = MemoryUploadedFileManager("/upload")
    upload_limit.limit(store)
    upload_limit.limit(store)
    return store


def test_a_session_holds_a_limited_sum(uploads: MemoryUploadedFileManager) -> None:
    for number in range(3):
        uploads.add_file("one", file(number, 1_000_000))
    with pytest.raises(HTTPException) as caught:
        uploads.add_file("one", file(3, 1_000_000))
    assert caught.value.status_code == 413
    # The same file again replaces itself; what is removed makes room.
    uploads.add_file("one", file(2, 1_000_000))
    uploads.remove_file("one", "0")
    uploads.add_file("one", file(3, 1_000_000))
    assert len(uploads.get_files("one", ["1", "2", "3"])) == 3


def test_a_session_holds_a_limited_number(uploads: MemoryUploadedFileManager) -> None:
    for number in range(upload_limit.MOST_FILES):
        uploads.add_file("one", file(number, 1))
    with pytest.raises(HTTPException):
        uploads.add_file("one", file(-1, 1))
    uploads.add_file("two", file(0, 1))


def test_all_sessions_hold_a_limited_sum_and_give_it_back(
    uploads: MemoryUploadedFileManager,
) -> None:
    uploads.add_file("one", file(0, 3_000_000))
    with pytest.raises(HTTPException):
        uploads.add_file("two", file(0, 2_500_000))
    uploads.remove_session_files("one")
    uploads.add_file("two", file(0, 2_500_000))


def test_a_file_that_no_page_asks_for_is_freed_after_a_while() -> None:
    now = [0.0]
    store = MemoryUploadedFileManager("/upload")
    upload_limit.limit(store, clock=lambda: now[0])
    for number in range(3):
        store.add_file("one", file(number, 1_000))
    store.get_files("one", ["1"])
    for now[0], left in ((upload_limit.UNUSED_S - 1.0, 3), (upload_limit.UNUSED_S, 1)):
        # Any visitor's upload frees what lies there.
        store.add_file("two", file(0, 1_000))
        assert len(store.file_storage["one"]) == left
    assert "1" in store.file_storage["one"]


def test_uploads_of_a_session_that_is_over_are_freed_with_the_next_upload() -> None:
    sessions = {"one", "two"}
    store = MemoryUploadedFileManager("/upload")
    upload_limit.limit(store, lambda: sessions)
    store.add_file("one", file(0, 1_000))
    store.get_files("one", ["0"])
    sessions.remove("one")
    store.add_file("two", file(0, 1_000))
    assert set(store.file_storage) == {"two"}


def test_files_that_a_field_held_and_holds_no_more_are_freed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = MemoryUploadedFileManager("/upload")
    for number in range(5):
        store.add_file("one", file(number, 1_000))
    chosen = [UploadedFile(store.file_storage["one"][str(n)], FileURLs()) for n in range(4)]
    state: dict[str, object] = {"several": chosen[:2], "one": chosen[2], "other": 3}
    state["message"] = ChatInputValue("", [chosen[3]], _include_files=True)
    monkeypatch.setattr(upload_limit.st, "session_state", state)
    upload_limit.free_replaced(store, "one")
    assert len(store.file_storage["one"]) == 5
    # The fifth has just arrived: no field names it yet.
    state |= {"several": chosen[1:2], "one": None, "message": None}
    upload_limit.free_replaced(store, "one")
    assert sorted(store.file_storage["one"]) == ["1", "4"]
