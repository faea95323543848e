"""The app as its users meet it: a real server, a real browser, real photos and a real model."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from benchmarks.pages import Tab
from tests.browser.pins import has_pin_heading_and_evidence
from tests.browser.visitor import PAGES, PATIENCE_MS, Visitor

pytestmark = pytest.mark.browser
Visit = Callable[..., Visitor]


def test_online_tiles_are_asked_for_only_when_switched_on(
    full: tuple[str, Path], visit: Visit
) -> None:
    visitor = visit(full[0])
    page = visitor.open("data")
    expect(page.get_by_test_id("stDeckGlJsonChart").locator("canvas").first).to_be_visible()
    page.wait_for_timeout(1000)
    assert visitor.foreign == []
    with page.expect_request(re.compile("cartocdn")):
        page.get_by_text("Online map background").click()
    visitor.rest()
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
def test_a_broken_checkpoint_is_named(broken: str, visit: Visit, demo: Path) -> None:
    visitor = visit(broken)
    for checkpoint, name in (("torn-card", "home"), ("torn-weights", "predict")):
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
