"""Manners of the pages: the way by keyboard, the title, words for pictures, no jump of layout.

Contrast is measured by axe-core on every page (`test_accessibility.py`).
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser
Visit = Callable[..., Visitor]
_TITLE_AT_PX = 130
# What a reader reaches for first, by page.
_FIRST = {
    "data": ".st-key-data_section",
    "evaluate": ".st-key-evaluate_section",
    "map": ".st-key-map_section",
    "predict": "[class*=st-key-tile_predict_example]",
    "home": "[class*=st-key-tile_home_examples_0]",
}
_JUMP_PX = 2
# Looks in every frame for the title and for what is reached for first.
_WATCH = """firsts => {
  window.seen = {};
  const look = () => {
    const parts = {title: document.querySelector("[data-testid=stMain] h1")};
    for (const [name, first] of Object.entries(firsts)) parts[name] = document.querySelector(first);
    for (const [name, element] of Object.entries(parts)) {
      const box = element?.getBoundingClientRect();
      if (box?.height) (window.seen[name] ??= new Set()).add(Math.round(box.y));
    }
    requestAnimationFrame(look);
  };
  look();
}"""
_SEEN = "Object.fromEntries(Object.entries(seen).map(([name, places]) => [name, [...places]]))"


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


def test_the_title_and_what_one_reaches_for_stay_where_they_first_were(
    full: tuple[str, Path], visit: Visit
) -> None:
    visitor = visit(full[0])
    visitor.page.add_init_script(f"({_WATCH})({json.dumps(_FIRST)})")
    # The code of widgets comes with the first page; no page after it may jump.
    visitor.open("home")
    assert _jumps(visitor.page, "title") == {}
    for name in _FIRST:
        visitor.page.evaluate("window.seen = {}")
        visitor.go(name)
        assert _jumps(visitor.page, "title", name) == {}, name


def _jumps(page: Page, *names: str) -> dict[str, list[int]]:
    """Where each part was, of those that moved."""
    page.wait_for_timeout(500)
    seen: dict[str, list[int]] = page.evaluate(_SEEN)
    assert set(names) <= set(seen)
    return {name: seen[name] for name in names if max(seen[name]) - min(seen[name]) > _JUMP_PX}
