"""Maps in a real browser: the base layer is drawn, and a click on a region shows its photos."""

import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, TimeoutError, expect

from app.maps.base_map import TONES
from app.theme import rgb
from tests.browser.visitor import PATIENCE_MS, Visitor

pytestmark = pytest.mark.browser
Visit = Callable[..., Visitor]


def test_the_map_shows_the_campus_and_a_region_opens_its_photos(
    full: tuple[str, Path], visit: Visit
) -> None:
    visitor = visit(full[0], draws=True)
    page = visitor.open("map", "?map_section=Regions")
    canvas = page.get_by_test_id("stDeckGlJsonChart").locator("canvas").first
    expect(canvas).to_be_visible(timeout=PATIENCE_MS)
    canvas.scroll_into_view_if_needed()
    for kind in ("lawn", "building", "road"):
        assert _shows(page, canvas, TONES["light"][kind]), kind
    x, y = _place_of_a_region(page, canvas)
    chip = page.get_by_role("button", name=re.compile("Region: ")).first
    for _ in range(8):
        # On a busy machine the map may be drawn between press and release: that is no click.
        page.wait_for_timeout(1000)
        page.mouse.click(x, y)
        try:
            chip.wait_for(timeout=5000)
            break
        except TimeoutError:
            continue
    expect(chip).to_be_visible()
    expect(page.get_by_text("Layers", exact=True)).to_be_visible()
    assert visitor.exceptions == []
    assert visitor.foreign == []


def _place_of_a_region(page: Page, canvas: Locator) -> tuple[float, float]:
    """The first place of a canvas that the pointer says the figures of a region about."""
    box = canvas.bounding_box()
    assert box is not None
    for down in np.linspace(0.15, 0.85, 8):
        for right in np.linspace(0.35, 0.65, 8):
            x, y = box["x"] + right * box["width"], box["y"] + down * box["height"]
            page.mouse.move(x, y)
            page.wait_for_timeout(150)
            if page.locator(".deck-tooltip").filter(has_text="median error").is_visible():
                return float(x), float(y)
    pytest.fail("the pointer finds no region on the map")


def _shows(page: Page, canvas: Locator, colour: str) -> bool:
    for _ in range(40):
        pixels = np.asarray(Image.open(io.BytesIO(canvas.screenshot())).convert("RGB"), np.int64)
        if int((np.abs(pixels - rgb(colour)).max(axis=-1) < 6).sum()) >= 100:
            return True
        page.wait_for_timeout(500)
    return False
