"""The Runs page in a real browser: two models judged with one click, and one of them deleted."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import Serve, Visitor

Visit = Callable[..., Visitor]
pytestmark = pytest.mark.browser
_ROW_PX = 35


def _tick(visitor: Visitor, row: int) -> None:
    """Tick a row of the list, counted from 0: a canvas draws it."""
    box = visitor.page.get_by_test_id("stDataFrame").first.bounding_box()
    assert box is not None
    visitor.page.mouse.click(box["x"] + 14, box["y"] + _ROW_PX * (row + 1.5))
    visitor.rest()


def test_two_models_are_judged_with_one_click_and_both_are_deleted(
    serve: Serve, demo: Path, trained: Path, tmp_path: Path, visit: Visit
) -> None:
    shutil.copytree(demo, tmp_path / "data" / "demo")
    shutil.copytree(trained, tmp_path / "runs" / "tiny")
    shutil.copytree(trained / "checkpoints" / "best", tmp_path / "checkpoints" / "copy")
    with serve(tmp_path) as url:
        visitor = visit(url)
        page = visitor.open("runs")
        _tick(visitor, 1)
        visitor.click("Judge both on the same photos")
        expect(page.locator(".js-plotly-plot")).to_have_count(1)
        expect(page.get_by_test_id("stMain")).to_contain_text("not distinguishable")
        page.get_by_role("radio", name="Lineage").click()
        visitor.rest()
        assert "Same weights: tiny" in visitor.text
        # Closing the dialog by a key gives the focus back to the button that opened it.
        delete = page.get_by_role("button", name="Delete …")
        delete.click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("a training run")
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        expect(delete).to_be_focused()
        delete.click()
        dialog.get_by_role("button", name="Delete all 2").click()
        expect(dialog).to_have_count(0)
        visitor.rest()
        assert not (tmp_path / "runs" / "tiny").exists()
        assert not (tmp_path / "checkpoints" / "copy").exists()
        assert visitor.exceptions == []
        assert visitor.foreign == []
