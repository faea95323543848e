"""A search as its user meets it: started from the sidebar, watched, cancelled, resumed, used."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from core.jobs.queue import stop
from core.jobs.state import run_state
from core.tuning.results import read_study
from tests.browser.visitor import PATIENCE_MS, Serve, Visitor

pytestmark = pytest.mark.browser
Visit = Callable[..., Visitor]


@pytest.fixture
def fresh(serve: Serve, demo: Path, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The app over a data set without any model, and the study that the test starts there."""
    shutil.copytree(demo, tmp_path / "data" / "demo")
    study = tmp_path / "runs" / "mine"
    with serve(tmp_path) as url:
        yield url, study
    if study.is_dir():
        stop(study, grace_s=10.0)


def test_a_search_is_started_watched_cancelled_resumed_and_used(
    fresh: tuple[str, Path], visit: Visit
) -> None:
    url, study = fresh
    visitor = visit(url)
    page = visitor.open("tune")
    dialog = visitor.all_options()
    space = page.get_by_role("textbox", name="Options to vary")
    space.fill("stage2.lr_heads = 1e-4..1e-2 log")
    space.press("Control+Enter")
    visitor.rest()
    visitor.type_into("Study folder", "runs/mine")
    # More than the fastest machine gets through before it is told to stop.
    visitor.type_into("Trials", "100000")
    visitor.type_into("Backbone", "test_resnet")
    visitor.type_into("Input size", "32")
    visitor.type_into("Epochs of a trial", "1")
    visitor.type_into("Split", "random")
    visitor.rest()
    dialog.get_by_role("button", name="Start the search").click()
    main = page.get_by_test_id("stMain")
    expect(main).to_contain_text("Searching.", timeout=PATIENCE_MS)
    marks = page.locator(".js-plotly-plot").first.locator(".scatterlayer .points path")
    # Nobody touches the page: it looks by itself.
    expect(marks).not_to_have_count(0, timeout=PATIENCE_MS)
    visitor.click("Cancel the search")
    expect(main).to_contain_text("Cancelled: every trial is saved", timeout=PATIENCE_MS)
    assert run_state(study).state == "cancelled"
    done = read_study(study).done
    visitor.click("Resume the search")
    expect(main).to_contain_text("Searching.", timeout=PATIENCE_MS)
    # Not the whole page: the log on it keeps the earlier number.
    progress = main.get_by_test_id("stProgress")
    expect(progress).not_to_have_text(f"{done} of 100,000 trials", timeout=PATIENCE_MS)
    expect(progress).to_contain_text("of 100,000 trials", timeout=PATIENCE_MS)
    visitor.click("Cancel the search")
    expect(main).to_contain_text("Cancelled: every trial is saved", timeout=PATIENCE_MS)
    visitor.click("Train with the best options")
    expect(page.get_by_role("heading", name="Train", exact=True)).to_be_visible()
    visitor.all_options()
    expect(page.get_by_label("Backbone", exact=True)).to_have_value("test_resnet")
    assert visitor.exceptions == []
    assert visitor.foreign == []
