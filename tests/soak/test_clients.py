"""Many visitors at the same time get the answers that a single one gets; memory is printed.

`make test` lets a few ask once or twice; `make soak` lets 50 ask for a third of its time.
"""

import os
import shutil
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest

from core.demo.photo import photo_jpeg
from tests.browser.visitor import ROOT, app
from tests.soak.clients import load

MINUTES = float(os.environ.get("BEARINGS_SOAK_MINUTES", "0"))


@pytest.mark.slow
@pytest.mark.timeout(0 if MINUTES else 1200)
def test_many_visitors_get_the_answers_of_one(
    shared_campus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # With a data set, so that no demo campus is rendered.
    shutil.copytree(shared_campus, tmp_path / "data" / "tiny")
    photos = []
    for number in range(12 if MINUTES else 2):
        photos.append(tmp_path / f"{number}.jpg")
        photos[-1].write_bytes(photo_jpeg(7, number))
    with app(tmp_path) as url:
        [server] = [
            child.pid for child in psutil.Process().children()
            if any(url.rpartition(":")[2] in word for word in child.cmdline())
        ]  # fmt: skip
        found = load(
            url, f"checkpoint={quote(str(ROOT / 'checkpoints' / 'demo-campus'), safe='')}",
            photos, server, clients=50 if MINUTES else 4, seconds=20.0 * MINUTES,
            explaining=5 if MINUTES else 2,
        )  # fmt: skip
    with capsys.disabled():
        print(f"\n{found.text()}")
    assert found.errors == []
    assert found.differing == []
    assert found.explained
