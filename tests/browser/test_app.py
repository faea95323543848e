"""The app as its users meet it: a real server, a real browser, real photos and a real run."""

import io
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from benchmarks.pages import Tab
from core.jobs.queue import stop
from core.jobs.state import run_state
from tests.browser.pins import has_pin_heading_and_evidence
from tests.browser.visitor import PAGES, PATIENCE_MS, Serve, Visitor

pytestmark = pytest.mark.browser
Visit = Callable[..., Visitor]


def test_every_page_opens_and_asks_no_other_host(full: tuple[str, Path], visit: Visit) -> None:
    visitor = visit(full[0])
    page = visitor.open("home")
    photos = page.get_by_test_id("stMetric").filter(has_text="Photos").first
    expect(photos).to_contain_text("72")
    expect(page.get_by_test_id("stMain")).to_contain_text("run tiny")
    for name in PAGES:
        visitor.go(name)
        assert visitor.exceptions == [], name
        assert visitor.page.get_by_test_id("stAlertContentError").count() == 0, name
        assert visitor.foreign == [], name


def test_online_tiles_are_asked_for_only_when_switched_on(
    full: tuple[str, Path], visit: Visit
) -> None:
    visitor = visit(full[0])
    page = visitor.open("data")
    expect(page.get_by_test_id("stDeckGlJsonChart").locator("canvas").first).to_be_visible()
    page.wait_for_timeout(1000)
    assert visitor.foreign == []
    page.get_by_text("Online map background").click()
    visitor.rest()
    page.wait_for_timeout(2000)
    assert any("cartocdn.com" in url for url in visitor.foreign), "the count would miss requests"


def test_every_page_of_an_empty_workspace_says_what_to_do(empty: str, visit: Visit) -> None:
    visitor = visit(empty)
    page = visitor.open("home")
    for name in PAGES:
        visitor.go(name)
        assert visitor.exceptions == [], name
        assert page.get_by_test_id("stAlertContentError").count() == 0, name
        expect(page.get_by_test_id("stAlertContentInfo").first).to_be_visible()
        assert visitor.foreign == [], name


# What the other pages show of a broken checkpoint is proved without a browser: app/test_every_page.
@pytest.mark.parametrize(
    ("checkpoint", "name"), [("torn-card", "home"), ("torn-weights", "predict")]
)
def test_a_broken_checkpoint_is_named(
    broken: str, visit: Visit, demo: Path, checkpoint: str, name: str
) -> None:
    visitor = visit(broken)
    page = visitor.open(name, f"?checkpoint=checkpoints/{checkpoint}")
    assert visitor.exceptions == []
    if name == "predict":
        visitor.drop(next((demo / "images").iterdir()))
    said = page.get_by_test_id("stAlertContentError").first
    expect(said).to_contain_text(checkpoint, timeout=PATIENCE_MS)
    assert visitor.exceptions == []


def test_a_photo_dropped_on_home_gets_a_pin_a_heading_and_evidence(
    full: tuple[str, Path], visit: Visit, demo: Path
) -> None:
    visitor = visit(full[0], draws=True)
    page = visitor.open("home")
    visitor.drop(sorted((demo / "images").iterdir())[5])
    page.wait_for_url(f"{full[0]}/predict?*uploads=*")
    has_pin_heading_and_evidence(visitor)
    assert visitor.foreign == []


def test_a_photo_is_explained(full: tuple[str, Path], visit: Visit, demo: Path) -> None:
    visitor = visit(full[0])
    page = visitor.open("explain")
    visitor.drop(sorted((demo / "images").iterdir())[5])
    visitor.click("Explain with Grad-CAM")
    expect(page.get_by_test_id("stDownloadButton")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_test_id("stImage")).to_have_count(3)
    assert visitor.exceptions == []


def test_a_selection_in_one_view_is_in_all_and_in_a_copied_address(
    full: tuple[str, Path], visit: Visit
) -> None:
    visitor = visit(full[0])
    page = visitor.open("evaluate", "?evaluate_section=Regions")
    counts = page.locator(".js-plotly-plot .heatmaplayer text")
    _click_middle(page, counts.filter(has_text=re.compile(r"\d")).first)
    expect(page.get_by_role("button", name="predicted as")).to_be_visible(timeout=PATIENCE_MS)
    visitor.rest()
    expect(page.get_by_test_id("stImage").first).to_be_visible()
    page.get_by_test_id("stMain").get_by_role("radio", name="Positions").click()
    visitor.rest()
    _lasso(page, page.locator("[class*=st-key-evaluate_plan] .nsewdrag").first)
    expect(page.get_by_role("button", name="Area on the map")).to_be_visible(timeout=PATIENCE_MS)
    visitor.rest()
    shown = page.get_by_text("largest error first").inner_text()
    copy = visit(full[0])
    copy.page.goto(page.url)
    copy.rest()
    expect(copy.page.get_by_text("largest error first")).to_have_text(shown, timeout=PATIENCE_MS)
    for chip in ("predicted as", "Area on the map"):
        expect(copy.page.get_by_role("button", name=chip)).to_be_visible()
    copy.go("map")
    expect(copy.page.get_by_text("largest error first")).to_have_text(shown, timeout=PATIENCE_MS)
    visitor.click("Clear all")
    # By region a click on a box, in the curve a box around a range, on Trust a click on a bar.
    _drag(page, "evaluate_regions_error_m", (0.25, 0.95), (0.25, 0.95))
    _chosen_by(visitor, "region=")
    _drag(page, "evaluate_cdf", (0.05, 0.05), (0.95, 0.95))
    _chosen_by(visitor, "error=")
    page.get_by_test_id("stMain").get_by_role("radio", name="Trust").click()
    visitor.rest()
    bar = page.locator("[class*=st-key-evaluate_reliability] .barlayer .point path").last
    bar.scroll_into_view_if_needed()
    _click_middle(page, bar)
    _chosen_by(visitor, "confidence=")
    page.locator("[class*=st-key-open_] button").first.click()
    expect(page.get_by_text(re.compile(r"^1 of \d+$"))).to_be_visible(timeout=PATIENCE_MS)
    visitor.rest()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text(re.compile(r"^2 of \d+$"))).to_be_visible(timeout=PATIENCE_MS)
    for one in (visitor, copy):
        assert one.exceptions == []
        assert one.foreign == []


def _drag(page: Page, chart: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag from one place of a chart to another, in parts of its width and height; or click."""
    plot = page.locator(f"[class*=st-key-{chart}] .nsewdrag").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    first, last = (
        (box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)
    )
    page.mouse.move(*first)
    page.mouse.down()
    if last != first:
        page.mouse.move(*last, steps=8)
    page.mouse.up()


def _chosen_by(visitor: Visitor, parameter: str) -> None:
    """The address and a chip name what was selected in a chart; then nothing is selected."""
    page = visitor.page
    page.wait_for_url(re.compile(parameter), timeout=PATIENCE_MS)
    visitor.rest()
    assert visitor.exceptions == []
    visitor.click("Clear all")
    page.wait_for_url(lambda url: parameter not in url, timeout=PATIENCE_MS)


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
    seen = marks.count()
    for _ in range(240):
        page.wait_for_timeout(500)
        if marks.count() > seen:
            break
    assert marks.count() > seen, "the curve moves while nobody touches the page"
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


def test_the_dark_theme_is_dark_and_charts_read_on_it(full: tuple[str, Path], visit: Visit) -> None:
    visitor = visit(full[0], color_scheme="dark")
    page = visitor.open("evaluate")
    shot = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("L"))
    assert np.median(shot) < 60, "the ground is dark"
    label = page.locator(".js-plotly-plot .ytick text").first
    expect(label).to_be_visible()
    colour = label.evaluate("text => getComputedStyle(text).fill")
    assert min(int(part) for part in re.findall(r"\d+", colour)[:3]) > 100, "labels are light"


def _lasso(page: Page, plot: Locator) -> None:
    """Draw a lasso around nearly everything of a plot."""
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    for number, (across, down) in enumerate(
        [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98)]
    ):
        page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"], steps=4)
        if number == 0:
            page.mouse.down()
    page.mouse.up()


def _click_middle(page: Page, element: Locator) -> None:
    box = element.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def test_a_visit_of_a_page_is_timed(full: tuple[str, Path], visit: Visit) -> None:
    tab = Tab(visit(full[0]).page, full[0], {"runs": "Runs", "data": "Data"})
    first, warm = tab.by_address("data"), tab.by_link("runs", "table")
    for one in (first, warm):
        assert 0 < one.heading_s <= one.settled_s
        assert one.kilobytes > 1, "a page is more than its heading"
