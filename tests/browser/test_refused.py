"""The shipped checkpoint answers a photo of its campus and refuses others until it is asked."""

import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import gpxpy
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from core.demo.photo import photo_jpeg
from core.model.card import read_card
from tests.browser.pins import has_pin_heading_and_evidence
from tests.browser.visitor import ROOT, Serve, Visitor

pytestmark = pytest.mark.browser
SHIPPED = ROOT / "checkpoints" / "demo-campus"


@pytest.fixture(scope="module")
def shipped(serve: Serve, demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app over a workspace with the calibrated checkpoint and a data set."""
    root = tmp_path_factory.mktemp("shipped")
    shutil.copytree(SHIPPED, root / "checkpoints" / "demo-campus")
    # A whole demo: without one the app renders it in the background, and goes on after the test.
    shutil.copytree(demo, root / "data" / "demo")
    with serve(root) as url:
        yield url


def test_a_photo_of_nowhere_gets_no_pin_until_it_is_asked_for(
    shipped: str, visit: Callable[..., Visitor], tmp_path: Path
) -> None:
    visitor = visit(shipped)
    page = visitor.open("predict")
    photo = tmp_path / "page.jpg"
    Image.fromarray(np.full((200, 200, 3), (240, 238, 230), np.uint8)).save(photo)
    visitor.drop(photo)
    main = page.get_by_test_id("stMain")
    expect(main).to_contain_text("Not this campus")
    assert page.get_by_test_id("stDeckGlJsonChart").count() == 0
    expect(main).not_to_contain_text("facing")
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
    visitor = visit(shipped, draws=True)
    visitor.open("predict")
    visitor.drop(photo)
    has_pin_heading_and_evidence(visitor)
    _answers_above_the_fold(visitor.page)
    assert visitor.foreign == []


def test_several_photos_open_survive_a_reload_and_are_downloaded(
    shipped: str, visit: Callable[..., Visitor], tmp_path: Path
) -> None:
    seed = read_card(SHIPPED).demo_seed
    assert seed is not None
    for number in (3, 4):
        (tmp_path / f"photo{number}.jpg").write_bytes(photo_jpeg(seed, number))
    Image.fromarray(np.full((200, 200, 3), (240, 238, 230), np.uint8)).save(tmp_path / "page.png")
    with zipfile.ZipFile(tmp_path / "walk.zip", "w") as archive:
        for photo in ("photo3.jpg", "page.png", "photo4.jpg"):
            archive.write(tmp_path / photo, f"walk/{photo}")
        archive.writestr("walk/notes.txt", "no photo")
    # Dark, as the other tests are light: answers and refusals are drawn in colours of their own.
    visitor = visit(shipped, color_scheme="dark")
    page = visitor.open("predict")
    main = page.get_by_test_id("stMain")
    page.locator("input[type=file]").first.set_input_files(tmp_path / "walk.zip")
    expect(main.get_by_role("heading", level=4)).to_have_text(
        "3 photos, 1 of them not of this campus"
    )
    expect(main).to_contain_text("left out: notes.txt")
    with page.expect_download() as started:
        visitor.click("GPX")
    points = gpxpy.parse(Path(started.value.path()).read_text(encoding="utf-8")).waypoints
    assert [point.name for point in points] == ["photo3.jpg", "photo4.jpg"]
    # The picture, not its name below it.
    main.get_by_alt_text("page.png").scroll_into_view_if_needed()
    box = main.get_by_alt_text("page.png").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(main).to_contain_text("Show the answer anyway")
    page.keyboard.press("ArrowRight")
    expect(main.get_by_alt_text("Your photo photo4.jpg")).to_be_visible()
    page.reload()
    expect(main.get_by_alt_text("Your photo photo4.jpg")).to_be_visible()
    expect(main).to_contain_text("3 of 3")
    assert visitor.exceptions == []
    assert visitor.foreign == []


def _answers_above_the_fold(page: Page) -> None:
    """Check that the photo, the sentence, the compass and the map are seen without scrolling."""
    main = page.get_by_test_id("stMain")
    sentence = main.get_by_role("heading", level=4)
    expect(sentence).to_contain_text(re.compile("facing .*90 % confidence"))
    for width, height in ((1280, 900), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(500)
        main.evaluate("element => element.scrollTo(0, 0)")
        shown = {
            "sentence": sentence,
            "photo": main.get_by_alt_text("Your photo photo.jpg"),
            "compass": main.get_by_alt_text(re.compile(r"^Heading \d")),
            "inset": main.get_by_alt_text(re.compile("^The whole campus")),
        }
        for name, element in shown.items():
            box = element.bounding_box()
            assert box is not None, name
            assert 0 <= box["y"] <= box["y"] + box["height"] <= height, (name, width)
            assert 0 <= box["x"] <= box["x"] + box["width"] <= width, (name, width)
        chart = main.get_by_test_id("stDeckGlJsonChart").bounding_box()
        assert chart is not None
        assert chart["y"] + 0.7 * chart["height"] <= height, width
