"""Manners that every page keeps: the way by keyboard, pictures with words, contrast, one layout."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.browser.contrast import weak_texts
from tests.browser.visitor import PAGES, Visitor

pytestmark = pytest.mark.browser
Visit = Callable[..., Visitor]
_TITLE_AT_PX = 130


@pytest.mark.parametrize("page_name", ["home", "predict"])
def test_upload_is_five_tabs_from_the_skip_link(
    full: tuple[str, Path], visit: Visit, page_name: str
) -> None:
    visitor = visit(full[0])
    page = visitor.open(page_name)
    page.keyboard.press("Tab")
    focus = "document.activeElement.innerText"
    assert "Skip to main content" in page.evaluate(focus)
    page.keyboard.press("Enter")
    reached = []
    for _ in range(5):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(focus))
    assert any("Upload" in text for text in reached), reached


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_has_words_for_pictures_contrast_and_its_title_on_top(
    full: tuple[str, Path], visit: Visit, scheme: str
) -> None:
    visitor = visit(full[0], color_scheme=scheme)
    for name in PAGES:
        page = visitor.open(name)
        title = page.get_by_test_id("stMain").locator("h1").first.bounding_box()
        assert title is not None
        assert title["y"] < _TITLE_AT_PX, name
        bare = page.locator("[data-testid=stMain] img:not([alt]), [data-testid=stMain] img[alt='']")
        assert bare.count() == 0, name
        assert weak_texts(page) == [], name
