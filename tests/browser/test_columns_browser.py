"""A folder with column names that nobody knows becomes a readable data set, with the mouse."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import TimeoutError, expect

from app.data.columns import ROLES
from core.dataset.labels import read_dataset
from tests.browser.visitor import PATIENCE_MS, Serve, Visitor
from tests.tables.folders import campus_rows, folder

pytestmark = pytest.mark.browser
ROWS = campus_rows(30)
NAMES = {
    "filename": "Bildname", "timestamp": "Wann", "latitude": "Y_Wert", "longitude": "X_Wert",
    "angle": "Kamera", "Region_ID": "Abschnitt",
}  # fmt: skip


@pytest.fixture
def garden(serve: Serve, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The app over a folder with German names, semicolons and radians, and that folder."""
    rows = ROWS.assign(angle=[f"{np.deg2rad(float(value)):.6f}" for value in ROWS["angle"]])
    root = folder(
        tmp_path / "data" / "garten", rows.rename(columns=NAMES), separator=";",
        name="standorte.csv", encoding="cp1252", campus="# im Mai\nname = 'Garten'\n",
    )  # fmt: skip
    with serve(tmp_path) as url:
        yield url, root


def pick(visitor: Visitor, label: str, option: str) -> None:
    """Choose from a menu of the page by the beginning of an option's words."""
    menu = visitor.page.get_by_test_id("stMain").get_by_label(label, exact=True).first
    entry = visitor.page.get_by_role("option", name=option).first
    for patience_ms in (20_000, 20_000, PATIENCE_MS):
        menu.click()
        try:
            entry.click(timeout=patience_ms)
            break
        except TimeoutError:
            # A run of the page that was still on its way has closed the menu.
            visitor.page.keyboard.press("Escape")
    visitor.rest()


def test_german_names_and_radians_become_a_data_set(
    garden: tuple[str, Path], visit: Callable[..., Visitor]
) -> None:
    url, root = garden
    visitor = visit(url)
    page = visitor.open("data")
    save = page.get_by_role("button", name="Save", exact=True)
    expect(save).to_be_disabled(timeout=PATIENCE_MS)
    for role, title in (
        ("filename", "Bildname"), ("latitude", "Y_Wert"), ("longitude", "X_Wert"),
        ("heading", "Kamera"), ("region", "Abschnitt"),
    ):  # fmt: skip
        pick(visitor, ROLES[role], f"{title} (")
    canvas = page.get_by_test_id("stDeckGlJsonChart").locator("canvas")
    expect(canvas.first).to_be_visible(timeout=PATIENCE_MS)
    pick(visitor, "Heading unit", "Radians")
    expect(page.get_by_test_id("stMain")).to_contain_text("30 photos can be used.")
    visitor.click("Save")
    photos = page.get_by_test_id("stMetric").filter(has_text="Photos").first
    expect(photos).to_contain_text("30", timeout=PATIENCE_MS)
    assert (root / "campus.toml").read_text(encoding="utf-8").startswith("# im Mai\n")
    data = read_dataset(root)
    np.testing.assert_allclose(data.headings_deg, ROWS["angle"].astype(float), atol=1e-3)
    np.testing.assert_allclose(data.positions[:, 0], ROWS["latitude"].astype(float))
    assert visitor.exceptions == []
    assert visitor.foreign == []
