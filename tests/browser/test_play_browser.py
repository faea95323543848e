"""Beat the model in a browser: a round by mouse, and a round by keyboard alone."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.evaluation.human_baseline import read_answers
from tests.browser.visitor import PATIENCE_MS, Visitor

pytestmark = pytest.mark.browser
Visit = Callable[..., Visitor]
_MOST_TABS = 60


def test_a_round_by_mouse_and_a_round_by_keyboard(full: tuple[str, Path], visit: Visit) -> None:
    url, root = full
    visitor = visit(url)
    page = visitor.open("play")
    answer = page.get_by_role("button", name="Answer")
    expect(answer).to_be_disabled()
    page.get_by_text("Keep my answers as a human baseline").click()
    visitor.rest()
    plan = page.locator(".js-plotly-plot .nsewdrag").first
    box = plan.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 0.7 * box["width"], box["y"] + 0.4 * box["height"])
    expect(answer).to_be_enabled(timeout=PATIENCE_MS)
    visitor.rest()
    slider = page.get_by_role("slider", name=re.compile("Camera faces"))
    track = slider.bounding_box()
    assert track is not None
    page.mouse.click(track["x"] + 120, track["y"] + track["height"] / 2)
    visitor.rest()
    answer.click()
    visitor.rest()
    expect(page.get_by_text(re.compile("wins? this photo"))).to_be_visible(timeout=PATIENCE_MS)
    shared = page.get_by_test_id("stCode").inner_text()
    assert re.search(r"Beat the model: I was .* off.*photo=images%2Fimg_\d+\.jpg", shared, re.S)
    [kept] = read_answers(root / "data" / "demo")
    assert kept.photo_id in page.url.replace("%2F", "/")

    # Of these test photos only one stands away from all training photos.
    visitor.click("Next photo")
    expect(page.get_by_text("You have seen every photo")).to_be_visible(timeout=PATIENCE_MS)
    visitor.click("Play them again")
    expect(answer).to_be_disabled(timeout=PATIENCE_MS)
    _tab_to(page, "West to east")
    page.keyboard.press("ArrowRight")
    expect(answer).to_be_enabled(timeout=PATIENCE_MS)
    visitor.rest()
    _tab_to(page, "Answer")
    page.keyboard.press("Enter")
    expect(page.get_by_text(re.compile("wins? this photo"))).to_be_visible(timeout=PATIENCE_MS)
    assert len(read_answers(root / "data" / "demo")) == 2
    assert visitor.exceptions == []
    assert visitor.foreign == []


def _tab_to(page: Page, words: str) -> None:
    """Press Tab until what has the focus says these words."""
    for _ in range(_MOST_TABS):
        page.keyboard.press("Tab")
        # The page itself and its scrolling parts, which take the focus too, say all words.
        said = page.evaluate(
            "['INPUT', 'BUTTON'].includes(document.activeElement.tagName) ? "
            "(document.activeElement.getAttribute('aria-label') || '') + ' ' + "
            "document.activeElement.innerText : ''"
        )
        if words in said:
            return
    raise AssertionError(f"{_MOST_TABS} Tabs do not reach {words}")
