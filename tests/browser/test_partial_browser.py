"""Campuses with positions only or regions only, on the pages with maps."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import Serve, Visitor
from tests.stripped_demo import Stripped

pytestmark = pytest.mark.browser
# All pages are opened on all kinds without a browser: app/test_partial_pages.
PAGES: dict[Stripped, tuple[str, ...]] = {
    "positions": ("data", "map", "predict"),
    "regions": ("map", "predict"),
}


@pytest.fixture(scope="module")
def url(serve: Serve, partial_workspace: Path) -> Iterator[str]:
    """The app over what was trained, calibrated and evaluated on them."""
    with serve(partial_workspace) as url:
        yield url


@pytest.mark.parametrize("kind", PAGES)
def test_pages_with_maps_show_what_is_labelled(
    url: str, partial_workspace: Path, visit: Callable[..., Visitor], kind: Stripped
) -> None:
    visitor = visit(url)
    chosen = f"?dataset=data/{kind}&checkpoint=runs/{kind}/checkpoints/best"
    for name in PAGES[kind]:
        page = visitor.open(name, chosen)
        if name == "predict":
            visitor.drop(sorted((partial_workspace / "data" / kind / "images").iterdir())[5])
            alike = page.get_by_role("heading", name="Most similar training photos")
            expect(alike).to_be_visible()
        assert visitor.exceptions == [], name
        assert page.get_by_test_id("stAlertContentError").count() == 0, name
        assert visitor.foreign == [], name
        main = page.get_by_test_id("stMain")
        expect(main).not_to_contain_text("nan°")
        maps = page.get_by_test_id("stDeckGlJsonChart")
        expect(maps).to_have_count(0 if kind == "regions" else 1)
        if kind == "regions":
            expect(main).to_contain_text("so there is no map")
