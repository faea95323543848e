"""The queue as its users meet it: filled, cancelled, reloaded, found again by another server."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from core.jobs.queue import cancel, queue_of, stop
from core.jobs.state import run_state
from tests.browser.visitor import Serve, Visitor

pytestmark = pytest.mark.browser
NAMES = ("one", "two", "three")
# A job loads torch before it says anything, which takes minutes on a slow and busy machine.
PATIENCE_MS = 400_000
AT_WORK = re.compile("starting|running")
ENDED = re.compile("cancelled|failed|lost")


@pytest.fixture
def place(demo: Path, tmp_path: Path) -> Iterator[Path]:
    """A workspace with a data set and nothing else; whatever a test queued there is ended."""
    shutil.copytree(demo, tmp_path / "data" / "demo")
    yield tmp_path
    # First those that wait: each end lets the next one begin.
    for each in queue_of(tmp_path / "runs"):
        cancel(each.path)
    for name in NAMES:
        if (tmp_path / "runs" / name).is_dir():
            stop(tmp_path / "runs" / name, grace_s=5.0)


def row(visitor: Visitor, name: str) -> Locator:
    """The line of a job in the queue."""
    return visitor.page.locator(f".st-key-queue_row_{name}")


def fill_form(visitor: Visitor) -> None:
    """Ask for a run that no machine ends by itself, on the one device that every machine has."""
    for label, answer in (
        ("Backbone", "test_resnet"),
        ("Weights", "random"),
        ("Input size", "64"),
        ("Epochs", "10000"),
        ("Batch size", "8"),
        ("Split", "random"),
    ):
        visitor.type_into(label, answer)
    group = visitor.page.locator("summary", has=visitor.page.get_by_text("Training", exact=True))
    group.click()
    visitor.type_into("Patience", "0")
    visitor.type_into("Device", "cpu")


def test_a_queue_outlives_the_tab_and_the_server(
    serve: Serve, place: Path, visit: Callable[..., Visitor]
) -> None:
    runs = place / "runs"
    with serve(place, kill=True) as url:
        visitor = visit(url)
        page = visitor.open("train")
        page.get_by_test_id("stSidebar").get_by_text("Balanced").click()
        visitor.rest()
        visitor.all_options()
        fill_form(visitor)
        for name in NAMES:
            # Nothing else is filled in again: the options are kept.
            dialog = (
                visitor.all_options() if name != NAMES[0] else visitor.page.get_by_role("dialog")
            )
            visitor.type_into("Run folder", f"runs/{name}")
            visitor.rest()
            dialog.get_by_role("button", name="Start training").click()
            expect(row(visitor, name)).to_be_visible(timeout=PATIENCE_MS)
        expect(row(visitor, "one")).to_contain_text("running", timeout=PATIENCE_MS)
        assert [each.name for each in queue_of(runs)] == ["two", "three"]
        row(visitor, "one").get_by_role("button", name="Cancel").click()
        visitor.page.get_by_role("button", name="Yes, cancel it").click()
        expect(row(visitor, "one")).to_contain_text(ENDED, timeout=PATIENCE_MS)
        assert run_state(runs / "one").state == "cancelled", (runs / "one/log.txt").read_text()
        visitor.page.reload()
        visitor.rest()
        expect(row(visitor, "two")).to_contain_text(AT_WORK, timeout=PATIENCE_MS)
        expect(row(visitor, "three")).to_contain_text("queued")
        assert visitor.exceptions == []
    with serve(place) as url:
        visitor = visit(url)
        visitor.open("train")
        expect(row(visitor, "two")).to_contain_text("running", timeout=PATIENCE_MS)
        expect(row(visitor, "three")).to_contain_text("queued")
        expect(row(visitor, "one")).to_contain_text("cancelled")
        states = [run_state(runs / name).state for name in NAMES]
        assert states == ["cancelled", "running", "queued"]
        assert [each.name for each in queue_of(runs)] == ["three"]
        logs = [(runs / name / "log.txt") for name in ("one", "two")]
        starts = [log.read_text().count("started by the queue") for log in logs]
        assert starts == [1, 1], "no tab and no server started anything again"
        assert visitor.exceptions == []
        assert visitor.foreign == []
