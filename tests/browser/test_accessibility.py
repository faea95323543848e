"""axe-core on every page, light and dark: what the project's own markup breaks fails."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Page

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
_RUN = """async ([allowed]) => {
  const found = await axe.run(document, {resultTypes: ["violations"]});
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


def violations(page: Page, name: str) -> list[Violation]:
    """Serious and critical violations of a page that are not Streamlit's own."""
    page.evaluate(f"() => {{ if (!window.axe) {{ {axe_script()} }} }}")
    found: list[dict[str, Any]] = page.evaluate(_RUN, [STREAMLITS])
    return [
        Violation(name, each["rule"], each["target"], each["html"])
        for each in found
        if not each["streamlits"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_violation_of_its_own(
    full: tuple[str, Path], visit: Visit, scheme: str
) -> None:
    visitor = visit(full[0], color_scheme=scheme)
    visitor.open("runs")
    found = []
    for name in PAGES:
        # By the links, as a page that is loaded anew costs seconds.
        found += violations(visitor.go(name), name)
    assert found == []


def test_axe_finds_a_violation_that_is_planted(full: tuple[str, Path], visit: Visit) -> None:
    page = visit(full[0]).open("tune")
    page.evaluate("document.querySelector('h1').insertAdjacentHTML('afterend', '<img src=\"x\">')")
    assert {each.rule for each in violations(page, "tune")} == {"image-alt"}
