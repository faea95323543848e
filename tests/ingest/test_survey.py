"""What `look` says of photos without a label table."""

import json
import re
import shlex
from pathlib import Path

import pytest

from core.__main__ import main
from core.dataset.labels import read_dataset
from core.errors import NoTableError
from tests.phone_photos import phone_photo


@pytest.fixture
def takeout(tmp_path: Path) -> Path:
    """Six photos of Google Takeout: positions in sidecars only."""
    folder = tmp_path / "Takeout photos"
    folder.mkdir()
    for number in range(6):
        name = f"IMG_{number}.jpg"
        (folder / name).write_bytes(phone_photo(latitude=None, direction=None, seed=number))
        place = {"latitude": 17.445 + 1e-5 * number, "longitude": 78.349}
        (folder / f"{name}.supplemental-metadata.json").write_text(json.dumps({"geoData": place}))
    return folder


def test_look_names_the_one_command_and_it_works(
    takeout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["look", str(takeout)]) == 1
    told = capsys.readouterr()
    assert "6 photos and no label table" in told.out
    assert re.search(r"positions +6, from EXIF or Google Takeout", told.out)
    assert re.search(r"headings +0; 6 x it has no GPS direction", told.out)
    assert "left out" not in told.out
    command = shlex.split(told.out.partition("next")[2].strip())
    assert command[:3] == ["python", "-m", "core"]
    assert shlex.join(command) in told.err
    assert main(command[3:]) == 0
    dataset = read_dataset(takeout.parent / "Takeout photos-dataset")
    assert dataset.positions[:, 0] == pytest.approx([17.445 + 1e-5 * n for n in range(6)])
    assert dataset.labels == ("position",) or dataset.regions_from == "positions"
    capsys.readouterr()
    assert main(["look", str(dataset.root)]) == 0


def test_the_command_has_the_options_that_photos_need(
    takeout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (takeout / "compass.jpg").write_bytes(phone_photo(reference="M"))
    xmp = b'<x GPano:ProjectionType="equirectangular" GPano:FullPanoWidthPixels="400" ' \
          b'GPano:FullPanoHeightPixels="200"/>'  # fmt: skip
    (takeout / "pano.jpg").write_bytes(phone_photo(size=(400, 200), xmp=xmp))
    assert main(["look", str(takeout)]) == 1
    out = capsys.readouterr().out
    assert out.rstrip().endswith("--panorama --declination DEG")
    assert re.search(r"panoramas +1, which are cut into views", out)


def test_photos_without_positions_and_no_photos_at_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.jpg").write_bytes(phone_photo(latitude=None))
    assert main(["look", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "if they know their positions" in told.err
    (tmp_path / "a.jpg").unlink()
    with pytest.raises(NoTableError, match=r"GPX or KML\.$"):
        read_dataset(tmp_path)
