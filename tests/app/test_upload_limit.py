"""One session cannot fill the memory of the server with uploads."""

import pytest
from starlette.exceptions import HTTPException
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

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
