from dataclasses import replace
from pathlib import Path

import pytest

from app import cache
from app.widgets.photo_source import PhotoSource
from core.dataset.labels import read_dataset
from core.evaluation.report import Report
from core.geo import CoordinateFrame, LocalFrame
from core.model.card import read_card
from tests.evaluation.test_report import stored

PLACE = [0.0, 0.0]


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """What the demo is asked to render, instead of rendering it."""
    asked: list[tuple[int, str]] = []

    def render(seed: int, filename: str) -> bytes:
        asked.append((seed, filename))
        return b"jpeg"

    monkeypatch.setattr(cache, "demo_photo", render)
    return asked


def frame() -> LocalFrame:
    return LocalFrame(CoordinateFrame("degrees"), (12.0, 77.0))


def test_a_photo_of_the_data_set_comes_from_its_file(full_workspace: Path) -> None:
    data = read_dataset(full_workspace / "data" / "tiny")
    shelf = PhotoSource(data.local_frame(), data, None)
    place = shelf.frame.to_metres(data.positions[[5]])[0]
    assert shelf.row("img_0005.jpg", place) == 5
    picture = shelf.picture("img_0005.jpg", place)
    assert picture is not None
    assert picture.startswith(b"\xff\xd8")
    assert shelf.picture("img_0005.jpg", place + 30.0) is None


def test_a_demo_photo_that_is_not_on_disk_is_rendered(rendered: list[tuple[int, str]]) -> None:
    assert PhotoSource(frame(), None, 7).picture("images/img_000012.jpg", PLACE) == b"jpeg"
    assert rendered == [(7, "img_000012.jpg")]


def test_without_data_and_demo_there_is_no_picture(rendered: list[tuple[int, str]]) -> None:
    assert PhotoSource(frame(), None, None).picture("img_000012.jpg", PLACE) is None
    assert rendered == []


def test_a_name_that_no_demo_photo_has_is_no_picture() -> None:
    assert PhotoSource(frame(), None, 7).picture("holiday.jpg", PLACE) is None


def test_photos_of_another_demo_are_not_shown_as_the_models_own(
    full_workspace: Path, rendered: list[tuple[int, str]]
) -> None:
    card = read_card(full_workspace / "checkpoints" / "tiny").model_copy(update={"demo_seed": 7})
    report = Report.from_json(stored())
    dataset = report.dataset
    assert dataset is not None
    for judged, expected in ((8, [8]), (None, [8])):
        evaluated = replace(report, dataset=replace(dataset, demo_seed=judged))
        shelf = PhotoSource.judged(card, evaluated, None)
        shelf.picture("img_000012.jpg", PLACE)
        assert [seed for seed, _ in rendered] == expected
    assert PhotoSource.of(card, None).demo_seed == 7


@pytest.mark.slow
def test_the_demo_renders_the_photo_that_was_asked() -> None:
    assert cache.demo_photo(7, "img_000000.jpg").startswith(b"\xff\xd8")
