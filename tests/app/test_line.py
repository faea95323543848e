"""Expensive work waits in line: in order, one piece an owner, and not without end."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app import cache, line
from app.line import Line
from app.photo import Photo
from core.errors import AccessError


class Worker(threading.Thread):
    """Holds a turn until it is let go, and remembers the places that it was told."""

    def __init__(self, line: Line, owner: str, began: list[str]) -> None:
        super().__init__(daemon=True)
        self.line, self.owner, self.began = line, owner, began
        self.places: list[int] = []
        self.done = threading.Event()
        self.start()

    def run(self) -> None:
        with self.line.turn(self.owner, self.places.append):
            self.began.append(self.owner)
            self.done.wait(20)

    def end(self) -> None:
        self.done.set()
        self.join(20)


def until(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + 20
    while not true() and time.monotonic() < ends:
        time.sleep(0.01)
    assert true()


def test_work_waits_in_order_and_is_told_its_place() -> None:
    queue, began = Line("predictions", 1), list[str]()
    workers = []
    for owner in "abc":
        workers.append(Worker(queue, owner, began))
        until(lambda: began == ["a"] and len(queue._waiting) == len(workers) - 1)
    until(lambda: workers[1].places == [0] and workers[2].places == [1])
    workers[0].end()
    until(lambda: began == ["a", "b"])
    until(lambda: workers[2].places[-1] == 0)
    workers[1].end()
    until(lambda: began == ["a", "b", "c"])
    workers[2].end()
    assert not queue._waiting
    assert not queue._working


def test_an_owner_with_many_tabs_keeps_nobody_waiting() -> None:
    queue, began = Line("predictions", 2), list[str]()
    first = Worker(queue, "a", began)
    until(lambda: began == ["a"])
    second = Worker(queue, "a", began)
    until(lambda: len(second.places) > 0)
    other = Worker(queue, "b", began)
    until(lambda: began == ["a", "b"])
    assert len(queue._waiting) == 1, "the second tab of a"
    first.end()
    until(lambda: began == ["a", "b", "a"])
    second.end()
    other.end()


def test_who_leaves_makes_room() -> None:
    queue, began = Line("audits", 1), list[str]()
    busy = Worker(queue, "a", began)
    until(lambda: began == ["a"])

    def leave(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), queue.turn("b", leave):
        pass
    assert not queue._waiting
    busy.end()
    with pytest.raises(ValueError, match="work fails"), queue.turn("c", began.append):
        raise ValueError("work fails")
    with queue.turn("c", began.append):
        assert began == ["a"], "nobody waited"


def test_a_full_line_refuses_with_a_sentence() -> None:
    queue, began = Line("predictions", 1, most_waiting=1), list[str]()
    workers = [Worker(queue, "a", began)]
    until(lambda: began == ["a"])
    workers.append(Worker(queue, "b", began))
    until(lambda: len(queue._waiting) == 1)
    with (
        pytest.raises(AccessError, match=r"^1 others wait for predictions on this server: try aga"),
        queue.turn("c", began.append),
    ):
        pass
    for worker in workers:
        worker.end()
    assert began == ["a", "b"]


FULL = "others wait for"


def test_predictions_wait_in_line(full_workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = (full_workspace / "data/tiny/images/img_0001.jpg").read_bytes()
    checkpoint = full_workspace / "checkpoints/tiny"
    photos = (Photo("a.jpg", content),)
    monkeypatch.setattr(line, "predictions", Line("predictions", 1, most_waiting=0))
    with pytest.raises(AccessError, match=FULL):
        cache.predictions_of(checkpoint, photos)
    monkeypatch.undo()
    [found] = cache.predictions_of(checkpoint, photos)
    monkeypatch.setattr(line, "predictions", Line("predictions", 1, most_waiting=0))
    assert cache.predictions_of(checkpoint, photos)[0] is found, "what is known waits for nobody"


def test_audits_wait_in_line(small_campus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "audits", Line("audits", 1, most_waiting=0))
    with pytest.raises(AccessError, match=FULL):
        cache.make_audit(small_campus, False, lambda *_: None, lambda *_: None)
    assert cache.known_audit(small_campus, False) is None


def test_explanations_wait_in_line(
    full_workspace: Path, open_page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page(full_workspace, "explain")

    def pressed(label: str) -> list[str]:
        page.run()
        next(button for button in page.button if label in button.label).click().run()
        assert not page.exception
        return [error.value for error in page.error]

    assert pressed("Explain with Grad-CAM") == []
    monkeypatch.setattr(line, "explanations", Line("explanations", 1, most_waiting=0))
    for label in ("Find what the answer", "Explain with Grad-CAM", "Check this map"):
        [error] = pressed(label)
        assert FULL in error, label
