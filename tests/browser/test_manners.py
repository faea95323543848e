"""Manners of the pages that take photos: the way by keyboard, the title, words for pictures.

Contrast is measured by axe-core on every page (`test_accessibility.py`).
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser
Visit = Callable[..., Visitor]
_TITLE_AT_PX = 130


def test_upload_is_five_tabs_from_the_skip_link_below_a_title_on_top(
    full: tuple[str, Path], visit: Visit
) -> None:
    visitor = visit(full[0])
    for name in ("home", "predict"):
        visitor.open(name)
        _has_manners(visitor.page)


def _has_manners(page: Page) -> None:
    main = page.get_by_test_id("stMain")
    title = main.locator("h1").first.bounding_box()
    assert title is not None
    assert title["y"] < _TITLE_AT_PX
    assert main.locator("img:not([alt]), img[alt='']").count() == 0
    page.keyboard.press("Tab")
    focus = "document.activeElement.innerText"
    assert "Skip to main content" in page.evaluate(focus)
    page.keyboard.press("Enter")
    reached = []
    for _ in range(5):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(focus))
    assert any("Upload" in text for text in reached), reached
