"""The shipped checkpoint answers a photo of its campus and refuses others until it is asked."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from core.demo.photo import photo_jpeg
from core.model.card import read_card
from tests.browser.pins import has_pin_heading_and_evidence
from tests.browser.visitor import ROOT, Visitor, app

pytestmark = pytest.mark.browser
SHIPPED = ROOT / "checkpoints" / "demo-campus"


@pytest.fixture(scope="module")
def shipped(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app over a workspace with the calibrated checkpoint and a data set."""
    root = tmp_path_factory.mktemp("shipped")
    shutil.copytree(SHIPPED, root / "checkpoints" / "demo-campus")
    # A whole demo: without one the app renders it in the background, and goes on after the test.
    shutil.copytree(demo, root / "data" / "demo")
    with app(root) as url:
        yield url


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_photo_of_nowhere_gets_no_pin_until_it_is_asked_for(
    shipped: str, visit: Callable[..., Visitor], scheme: str, tmp_path: Path
) -> None:
    visitor = visit(shipped, scheme)
    page = visitor.open("predict")
    photo = tmp_path / "page.jpg"
    Image.fromarray(np.full((200, 200, 3), (240, 238, 230), np.uint8)).save(photo)
    visitor.drop(photo)
    main = page.get_by_test_id("stMain")
    expect(main).to_contain_text("Not this campus")
    assert page.get_by_test_id("stDeckGlJsonChart").count() == 0
    expect(main).not_to_contain_text("Facing")
    page.get_by_text("Show the answer anyway").click()
    visitor.rest()
    expect(page.get_by_test_id("stDeckGlJsonChart").locator("canvas").first).to_be_visible()
    expect(main).to_contain_text("Facing")
    assert visitor.exceptions == []


def test_the_shipped_checkpoint_answers(
    shipped: str, visit: Callable[..., Visitor], tmp_path: Path
) -> None:
    seed = read_card(SHIPPED).demo_seed
    assert seed is not None
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(photo_jpeg(seed, 3))
    visitor = visit(shipped)
    visitor.open("predict")
    visitor.drop(photo)
    has_pin_heading_and_evidence(visitor)
    assert visitor.foreign == []
