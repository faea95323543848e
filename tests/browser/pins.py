"""What the page of an answer shows: a pin, a heading and evidence."""

import io
import re

import numpy as np
from PIL import Image
from playwright.sync_api import Locator, expect

from app.theme import LIGHT, rgb
from tests.browser.visitor import PATIENCE_MS, Visitor


def has_pin_heading_and_evidence(visitor: Visitor) -> None:
    """Check that the page of an answer shows a pin, a heading and similar training photos."""
    page = visitor.page
    facing = page.get_by_test_id("stMetric").filter(has_text="Facing")
    expect(facing).to_contain_text(re.compile(r"\d+°"), timeout=PATIENCE_MS)
    expect(page.get_by_text("Most similar training photos")).to_be_visible(timeout=PATIENCE_MS)
    canvas = page.get_by_test_id("stDeckGlJsonChart").locator("canvas").first
    expect(canvas).to_be_visible(timeout=PATIENCE_MS)
    canvas.scroll_into_view_if_needed()
    for _ in range(40):
        if _shows(canvas, LIGHT.refined):
            break
        page.wait_for_timeout(500)
    assert _shows(canvas, LIGHT.refined), "the map has a pin in the colour of the refined position"
    # The photo, and photos like it.
    expect(page.get_by_alt_text(re.compile("^Your photo "))).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_alt_text(re.compile("^1: "))).to_be_visible(timeout=PATIENCE_MS)
    assert visitor.exceptions == []


def _shows(canvas: Locator, colour: str) -> bool:
    pixels = np.asarray(Image.open(io.BytesIO(canvas.screenshot())).convert("RGB"), np.int64)
    return int((np.abs(pixels - rgb(colour)).max(axis=-1) < 12).sum()) >= 20
