"""The review of labels with nothing but the keyboard, on a campus whose faults were planted."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from core.demo.build import DemoConfig, build_demo
from core.demo.faults import FAULTS_FILE
from tests.browser.visitor import PATIENCE_MS, Serve, Visitor

pytestmark = pytest.mark.browser
PHOTOS = 72


@pytest.fixture(scope="module")
def spoiled(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The app over a campus with three headings that are none, and its folder."""
    root = tmp_path_factory.mktemp("spoiled")
    folder = root / "data" / "demo"
    kinds = ("heading_out_of_range=0.05",)
    build_demo(DemoConfig(out=folder, photos=PHOTOS, seed=3, workers=1, fault_kinds=kinds))
    with serve(root) as url:
        yield url, folder


def table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file; none where it is not there."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def press(visitor: Visitor, key: str) -> None:
    """Press a key and wait for the page."""
    visitor.page.keyboard.press(key)
    visitor.rest()


def test_the_queue_is_walked_with_keys(
    spoiled: tuple[str, Path], visit: Callable[..., Visitor]
) -> None:
    url, folder = spoiled
    labels = (folder / "labels.csv").read_bytes()
    planted = {row["filename"]: row for row in table(folder / FAULTS_FILE)}
    assert len(planted) >= 3
    visitor = visit(url)
    page = visitor.open("data", "?data_section=Review")
    visitor.click("Check the labels")
    where = page.get_by_text(f"of {len(planted)} undecided")
    expect(where).to_be_visible(timeout=PATIENCE_MS)
    buttons = page.locator(".st-key-review_buttons")
    for words, key in (("Accept", "A"), ("Reject", "X"), ("Next", "N"), ("Undo", "U")):
        expect(buttons.get_by_role("button", name=words)).to_contain_text(key)

    # A letter that is typed into the field is a letter.
    page.get_by_label("New value", exact=True).press("x")
    assert table(folder / "repairs.csv") == []
    page.reload()
    visitor.rest()

    press(visitor, "n")
    press(visitor, "a")
    expect(page.get_by_text(f"of {len(planted) - 1} undecided")).to_be_visible()
    press(visitor, "x")
    expect(page.get_by_text(f"of {len(planted) - 2} undecided")).to_be_visible()
    first, second = table(folder / "repairs.csv")
    assert (first["decision"], second["decision"]) == ("accepted", "rejected")
    answer = planted[first["filename"]]
    assert (first["old"], first["new"]) == (answer["written"], answer["true"])
    press(visitor, "u")
    expect(page.get_by_text(f"of {len(planted) - 1} undecided")).to_be_visible()
    expect(page.get_by_test_id("stMain")).to_contain_text(second["filename"])
    assert table(folder / "repairs.csv") == [first]
    assert (folder / "labels.csv").read_bytes() == labels
    assert visitor.exceptions == []
    assert visitor.foreign == []
