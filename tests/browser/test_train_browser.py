"""A run as its user meets it: started from the sidebar, watched, cancelled; and from a phone."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from core.jobs.queue import stop
from core.jobs.state import run_state
from tests.browser.visitor import PATIENCE_MS, Serve, Visitor

pytestmark = pytest.mark.browser
Visit = Callable[..., Visitor]


@pytest.fixture
def fresh(serve: Serve, demo: Path, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The app over a data set without any model, and the run that a test starts there."""
    shutil.copytree(demo, tmp_path / "data" / "demo")
    run = tmp_path / "runs" / "mine"
    with serve(tmp_path) as url:
        yield url, run
    if run.is_dir():
        stop(run, grace_s=5.0)


def test_a_run_is_started_from_the_sidebar_watched_and_cancelled(
    fresh: tuple[str, Path], visit: Visit
) -> None:
    url, run = fresh
    visitor = visit(url)
    page = visitor.open("train")
    start = page.get_by_test_id("stSidebar").get_by_role("button", name="Start training")
    expect(start).to_be_in_viewport()
    page.get_by_test_id("stSidebar").get_by_text("Balanced").click()
    visitor.rest()
    dialog = visitor.all_options()
    visitor.type_into("Run folder", "runs/mine")
    visitor.type_into("Backbone", "test_resnet")
    visitor.type_into("Weights", "random")
    visitor.type_into("Input size", "64")
    # More than the fastest machine gets through before it is told to stop; and no early end.
    visitor.type_into("Epochs", "10000")
    page.locator("summary", has=page.get_by_text("Training", exact=True)).click()
    visitor.type_into("Patience", "0")
    visitor.type_into("Batch size", "8")
    visitor.type_into("Split", "random")
    visitor.rest()
    dialog.get_by_role("button", name="Start training").click()
    expect(page.get_by_test_id("stMain")).to_contain_text("mine · ", timeout=PATIENCE_MS)
    marks = page.locator(".js-plotly-plot").first.locator(".scatterlayer .points path")
    expect(marks).not_to_have_count(0, timeout=PATIENCE_MS)
    # The curve moves while nobody touches the page.
    expect(marks.nth(marks.count())).to_be_attached(timeout=PATIENCE_MS)
    # The tab is closed and opened again: the run has not noticed.
    page.reload()
    visitor.rest()
    assert run_state(run).state == "running"
    page.locator(".st-key-queue_row_mine").get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Yes, cancel it").click()
    cancelled = page.get_by_text("Cancelled: its state is saved")
    expect(cancelled).to_be_visible(timeout=PATIENCE_MS)
    assert run_state(run).state == "cancelled"
    assert visitor.exceptions == []
    assert visitor.foreign == []


def test_a_phone_starts_a_run_on_the_page_and_sees_why_one_did_not_start(
    fresh: tuple[str, Path], visit: Visit
) -> None:
    url, run = fresh
    run.mkdir(parents=True)
    (run / "file").touch()
    visitor = visit(url)
    visitor.page.set_viewport_size({"width": 390, "height": 844})
    page = visitor.open("train")
    main = page.get_by_test_id("stMain")
    expect(main.get_by_role("button", name="Start training")).to_be_in_viewport()
    assert "sidebar" not in visitor.text
    main.get_by_role("button", name="All options").click()
    visitor.rest()
    visitor.type_into("Run folder", "runs/mine")
    visitor.rest()
    page.keyboard.press("Escape")
    main.get_by_role("button", name="Start training").click()
    reason = main.get_by_text("Not started: run folder runs/mine is not empty")
    expect(reason).to_be_in_viewport(timeout=PATIENCE_MS)
    assert visitor.exceptions == []
