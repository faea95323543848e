"""Explore, a picture below the map and playback in a real browser."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.test_maps_browser import _shows
from tests.browser.visitor import PATIENCE_MS, Visitor

pytestmark = pytest.mark.browser
Visit = Callable[..., Visitor]
COUNT = re.compile(r"^([\d,]+) of ([\d,]+) photos")
PINK = "#FF00C8"


def counts(page: Page) -> tuple[int, int]:
    """How many photos the grid shows, of how many."""
    words = page.get_by_text("Click one to open it.").first.inner_text()
    found = COUNT.match(words)
    assert found, words
    return int(found[1].replace(",", "")), int(found[2].replace(",", ""))


def test_a_lasso_around_similar_photos_filters_every_page_and_its_link_keeps_it(
    full: tuple[str, Path], visit: Visit
) -> None:
    visitor = visit(full[0])
    page = visitor.open("explore")
    every = counts(page)
    assert every[0] == every[1] > 0
    plot = page.get_by_test_id("stPlotlyChart").locator(".nsewdrag").first
    expect(plot).to_be_visible(timeout=PATIENCE_MS)
    box = plot.bounding_box()
    assert box is not None
    corners = [(0.02, 0.02), (0.5, 0.02), (0.5, 0.98), (0.02, 0.98), (0.02, 0.05)]
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()
    chip = page.get_by_role("button", name="Similar photos (PCA)").first
    expect(chip).to_be_visible(timeout=PATIENCE_MS)
    visitor.rest()
    some = counts(page)
    assert 0 < some[0] < some[1] == every[1]
    assert "pca=" in page.url
    other = visit(full[0])
    copied = page.url.removeprefix(f"{full[0]}/explore")
    assert counts(other.open("explore", copied)) == some
    # The selection goes with the reader to another page.
    evaluated = visitor.go("evaluate")
    expect(evaluated.get_by_role("button", name="Similar photos (PCA)").first).to_be_visible()
    visitor.go("explore")
    visitor.click("Similar photos (PCA)")
    assert counts(page) == every
    assert visitor.exceptions == []
    assert visitor.foreign == []


def test_a_picture_lies_below_the_map_and_the_time_of_day_is_played(
    full: tuple[str, Path], visit: Visit
) -> None:
    url, root = full
    demo = root / "data" / "demo"
    settings, picture = demo / "campus.toml", demo / "plan.png"
    before = settings.read_text(encoding="utf-8")
    Image.new("RGB", (64, 64), PINK).save(picture)
    place = '[map]\npicture = "plan.png"\nbounds = [11.98, 76.98, 12.02, 77.02]\n'
    settings.write_text(f"{before}\n{place}", encoding="utf-8")
    try:
        visitor = visit(url, draws=True)
        # The Map page draws the ground of the data set that was evaluated, which lies elsewhere.
        page = visitor.open("data")
        canvas = page.get_by_test_id("stDeckGlJsonChart").locator("canvas").first
        expect(canvas).to_be_visible(timeout=PATIENCE_MS)
        canvas.scroll_into_view_if_needed()
        assert _shows(page, canvas, PINK)
        page = visitor.open("map")
        page.get_by_role("button", name="Play").click()
        expect(
            page.get_by_text(re.compile(r"\d\d:\d\d to \d\d:\d\d: [\d,]+ photos"))
        ).to_be_visible()
        page.wait_for_timeout(2500)
        page.get_by_role("button", name="Stop").click()
        chip = page.get_by_role("button", name=re.compile(r"^\d\d:\d\d to \d\d:\d\d"))
        expect(chip.first).to_be_visible(timeout=PATIENCE_MS)
        assert "hours=" in page.url
        assert visitor.exceptions == []
        assert visitor.foreign == []
    finally:
        settings.write_text(before, encoding="utf-8")
        picture.unlink()
