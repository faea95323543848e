from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

OpenPage = Callable[..., AppTest]

PAGES = ("home", "predict", "play", "map", "evaluate", "explain")


def banners(app: AppTest) -> list[str]:
    assert not app.exception
    return [box.value for box in app.warning if "different places" in box.value]


def move(workspace: Path, degrees_north: float) -> None:
    labels = workspace / "data" / "tiny" / "labels.csv"
    table = pd.read_csv(labels)
    table["latitude"] += degrees_north
    table.to_csv(labels, index=False)


@pytest.mark.parametrize("page", PAGES)
def test_a_campus_elsewhere_is_named_with_its_distance(
    workspace_copy: Path, open_page: OpenPage, page: str
) -> None:
    # Half a degree of latitude.
    move(workspace_copy, 0.5)
    (banner,) = banners(open_page(workspace_copy, page))
    assert "55 km apart" in banner


@pytest.mark.parametrize("page", PAGES)
def test_the_model_of_the_campus_has_no_banner(
    full_workspace: Path, open_page: OpenPage, page: str
) -> None:
    assert banners(open_page(full_workspace, page)) == []


def test_a_neighbouring_part_of_the_campus_is_no_other_place(
    workspace_copy: Path, open_page: OpenPage
) -> None:
    move(workspace_copy, 0.01)
    assert banners(open_page(workspace_copy, "home")) == []


def test_positions_that_cannot_be_compared_have_no_banner(
    workspace_copy: Path, open_page: OpenPage
) -> None:
    toml = workspace_copy / "data" / "tiny" / "campus.toml"
    toml.write_text('[frame]\nkind = "planar_metres"\n', encoding="utf-8")
    assert banners(open_page(workspace_copy, "home")) == []
