import os
from pathlib import Path

import pytest

from app import demo
from app.workspace import Workspace


def _card(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "card.json").write_text("{}", encoding="utf-8")
    return folder


def test_a_first_start_is_one_with_a_model_and_no_photos(tmp_path: Path) -> None:
    place = Workspace(tmp_path)
    assert not demo.is_wanted(place)
    _card(place.demo_checkpoint)
    assert demo.is_wanted(place)
    images = place.demo_data / "images"
    images.mkdir(parents=True)
    (images / "img_000000.jpg").touch()
    (images / "img_000001.123.part").touch()
    assert demo.photos_done(place) == 1
    assert demo.is_wanted(place)
    (place.demo_data / "campus.toml").touch()
    assert not demo.is_wanted(place)


def test_a_folder_that_someone_is_filling_is_left_to_them(tmp_path: Path) -> None:
    place = Workspace(tmp_path)
    images = place.demo_data / "images"
    images.mkdir(parents=True)
    assert demo.is_busy(place)
    render = demo.DemoRender()
    render.start(place)
    assert not render.running
    long_ago = images.stat().st_mtime - 2 * demo.QUIET_S
    os.utime(images, (long_ago, long_ago))
    assert not demo.is_busy(place)


def test_a_larger_demo_that_was_begun_is_finished(tmp_path: Path) -> None:
    place = Workspace(tmp_path)
    assert demo.photos_wanted(place) == demo.PHOTOS
    place.demo_data.mkdir(parents=True)
    (place.demo_data / "demo.json").write_text('{"photos": 6500}', encoding="utf-8")
    assert demo.photos_wanted(place) == 6500


@pytest.mark.slow
def test_the_demo_is_rendered_by_a_process_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "PHOTOS", 2)
    place, render = Workspace(tmp_path), demo.DemoRender()
    render.start(place)
    first = render._process
    render.start(place)
    assert render._process is first
    assert first is not None
    assert first.wait(120) == 0
    assert render.failure is None
    assert demo.is_whole(place)
    assert demo.photos_done(place) == 2


@pytest.mark.slow
def test_a_failed_rendering_says_why(tmp_path: Path) -> None:
    place, render = Workspace(tmp_path), demo.DemoRender()
    place.demo_data.mkdir(parents=True)
    (place.demo_data / "something.txt").touch()
    render.start(place)
    assert render._process is not None
    render._process.wait(120)
    assert render.failure is not None
    assert "not empty" in render.failure
