"""One walk through all pages: none fails or asks another host, and axe-core finds no violation.

The markup is one in both colour schemes, so that in the dark only contrast is looked at.
"""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import axe_playwright_python
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.visitor import PAGES, Visitor

Visit = Callable[..., Visitor]
pytestmark = pytest.mark.browser

# The rules of which Streamlit's own components break some, and the components; docs/design.md
# lists them with the reasons. An element counts as Streamlit's if it lies in one of these.
STREAMLITS = {
    "list": "[data-testid=stSidebarNavItems]",
    "listitem": "[data-testid=stSidebarNavItems]",
}
# Serious and critical violations, with each element's selector and whether it is Streamlit's.
_RUN = """async ([allowed, rules]) => {
  const only = rules.length ? {runOnly: {type: "rule", values: rules}} : {};
  const found = await axe.run(document, {resultTypes: ["violations"], ...only});
  return found.violations
    .filter(each => ["serious", "critical"].includes(each.impact))
    .flatMap(each => each.nodes.map(node => {
      const path = node.target.flat();
      const element = document.querySelector(path[0]);
      const theirs = allowed[each.id];
      return {
        rule: each.id, target: path.join(" "), html: node.html.slice(0, 200),
        streamlits: Boolean(theirs && element && element.closest(theirs)),
      };
    }));
}"""


@dataclass(frozen=True)
class Violation:
    """One element that breaks a rule."""

    page: str
    rule: str
    target: str
    html: str


@cache
def axe_script() -> str:
    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


def violations(page: Page, name: str, *rules: str) -> list[Violation]:
    """Serious and critical violations of a page, of all or some rules, but not Streamlit's own."""
    page.evaluate(f"() => {{ if (!window.axe) {{ {axe_script()} }} }}")
    found: list[dict[str, Any]] = page.evaluate(_RUN, [STREAMLITS, rules])
    return [
        Violation(name, each["rule"], each["target"], each["html"])
        for each in found
        if not each["streamlits"]
    ]


def test_no_page_fails_asks_another_host_or_has_a_serious_violation_of_its_own(
    full: tuple[str, Path], visit: Visit
) -> None:
    visitor = visit(full[0])
    page = visitor.open("runs")
    found = []
    for name in PAGES:
        # By the links, as a page that is loaded anew costs seconds.
        visitor.go(name)
        assert visitor.exceptions == [], name
        assert page.get_by_test_id("stAlertContentError").count() == 0, name
        assert visitor.foreign == [], name
        if name == "home":
            photos = page.get_by_test_id("stMetric").filter(has_text="Photos").first
            expect(photos).to_contain_text("72")
            expect(page.get_by_test_id("stMain")).to_contain_text("run tiny")
        found += violations(page, name)
        if name in ("home", "evaluate"):
            # The page is not drawn anew when the theme changes.
            page.emulate_media(color_scheme="dark")
            expect(page.get_by_test_id("stApp")).to_have_css("color-scheme", "dark")
            found += violations(page, f"{name}, darkened", "color-contrast")
            page.emulate_media(color_scheme="light")
    assert found == []


def test_every_page_is_dark_and_lacks_no_contrast_in_the_dark(
    full: tuple[str, Path], visit: Visit
) -> None:
    visitor = visit(full[0], color_scheme="dark")
    page = visitor.open("runs")
    found = []
    for name in PAGES:
        visitor.go(name)
        assert visitor.exceptions == [], name
        ground = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("L"))
        assert np.median(ground) < 60, name
        if name == "evaluate":
            label = page.locator(".js-plotly-plot .ytick text").first
            expect(label).to_be_visible()
            colour = label.evaluate("text => getComputedStyle(text).fill")
            channels = [int(part) for part in re.findall(r"\d+", colour)[:3]]
            assert min(channels) > 100, "labels are light"
        found += violations(page, name, "color-contrast")
    assert found == []


def test_axe_finds_a_violation_that_is_planted(full: tuple[str, Path], visit: Visit) -> None:
    page = visit(full[0]).open("tune")
    page.evaluate("document.querySelector('h1').insertAdjacentHTML('afterend', '<img src=\"x\">')")
    assert {each.rule for each in violations(page, "tune")} == {"image-alt"}
