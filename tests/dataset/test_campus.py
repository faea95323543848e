from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.dataset.campus import read_campus, read_table_settings
from core.dataset.exif import ASSUMED_HFOV_DEG
from core.dataset.labels import read_dataset
from core.errors import FrameError, LabelError
from tests.tables.folders import campus_rows, folder


def labels(latitude: object, longitude: object) -> pd.DataFrame:
    return pd.DataFrame({"latitude": latitude, "longitude": longitude}, dtype=np.float64)


def around(latitude: float, longitude: float, n: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return labels(latitude + rng.normal(0, 1e-3, n), longitude + rng.normal(0, 1e-3, n))


def test_plain_degrees_are_recognised_without_a_file(tmp_path: Path) -> None:
    campus = read_campus(tmp_path, around(17.445, 78.349))
    assert campus.frame.kind == "degrees"
    assert campus.name == tmp_path.name
    assert campus.assumed_hfov_deg == ASSUMED_HFOV_DEG


def test_one_gross_outlier_does_not_hide_degrees(tmp_path: Path) -> None:
    table = around(17.445, 78.349)
    table.loc[0, "latitude"] = 1744.5
    assert read_campus(tmp_path, table).frame.kind == "degrees"


@pytest.mark.trap(name="geodesy on numbers that are no degrees")
@pytest.mark.parametrize(
    "table",
    [
        labels([219698.0, 220195.0, 220437.0], [144782.0, 141942.0, 142673.0]),
        labels([17.0, 17.0, 17.0], [78.0, 78.0, 78.0]),
        labels([12.25, 45.5, 80.125], [3.5, 99.25, 64.75]),
    ],
    ids=["scaled integers", "whole numbers", "metres that look like degrees"],
)
def test_anything_else_is_refused_and_told_what_to_write(
    tmp_path: Path, table: pd.DataFrame
) -> None:
    with pytest.raises(FrameError) as caught:
        read_campus(tmp_path, table)
    message = str(caught.value)
    assert str(tmp_path / "campus.toml") in message
    for kind in ("degrees", "scaled_degrees", "planar_metres"):
        assert f'kind = "{kind}"' in message


def test_what_the_refusal_says_to_write_is_read(tmp_path: Path) -> None:
    table = labels([219698.5, 220195.0], [144782.0, 141942.0])
    with pytest.raises(FrameError) as caught:
        read_campus(tmp_path, table)
    for section in str(caught.value).split("[frame]")[1:]:
        (tmp_path / "campus.toml").write_text(f"[frame]{section}", encoding="utf-8")
        assert read_campus(tmp_path, table).frame.kind in section


def test_every_key_of_the_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "campus.toml").write_text(
        'name = "North"\n[frame]\nkind = "scaled_degrees"\nscale = 1e-6\n'
        "origin_latitude = 17.2\norigin_longitude = 78.2\n[regions]\n07 = 'Library'\n"
        "[camera]\nhfov_deg = 70.5\n[demo]\nseed = 7\nphotos = 6500\n",
        encoding="utf-8",
    )
    campus = read_campus(tmp_path, labels([219698], [144782]))
    assert (campus.name, campus.assumed_hfov_deg) == ("North", 70.5)
    assert (campus.demo_seed, campus.demo_photos) == (7, 6500)
    assert campus.region_names == {"7": "Library"}
    assert campus.frame.origin_longitude == 78.2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('nmae = "x"', "nmae: unknown key"),
        ('[frame]\nkind = "degrees"\nscael = 2.0', r"frame\.scael: unknown key"),
        ('[frame]\nkind = "furlongs"', r"frame\.kind"),
        ("[camera]\nhfov_deg = 400.0", r"camera\.hfov_deg"),
        ("[frame\nkind", "not valid TOML"),
        ("a = " + "[" * 50_000, "not valid TOML: it is nested too deeply"),
        ("a = " + "9" * 5_000, "not valid TOML"),
    ],
)
def test_mistakes_in_the_file_are_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "campus.toml").write_text(text, encoding="utf-8")
    with pytest.raises(LabelError, match=message):
        read_campus(tmp_path, around(17.445, 78.349))


def test_one_role_has_one_column(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="latitude twice"):
        read_table_settings(tmp_path, "[columns]\nlat = 'A'\nlatitude = 'B'\n")


def test_scaled_degrees_need_their_scale(tmp_path: Path) -> None:
    (tmp_path / "campus.toml").write_text('[frame]\nkind = "scaled_degrees"\n', encoding="utf-8")
    with pytest.raises(FrameError, match="needs scale"):
        read_campus(tmp_path, around(17.445, 78.349))


def test_the_example_of_the_documentation_is_read(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    examples = [part.split("```")[0] for part in text.split("```toml\n")[1:]]
    (whole,) = [example for example in examples if "[columns]" in example]
    (tmp_path / "campus.toml").write_text(whole)
    settings, frame = read_table_settings(tmp_path)
    assert (settings.heading, settings.heading_from, settings.heading_clockwise) == (
        "radians", "east", False,
    )  # fmt: skip
    assert settings.columns == {"latitude": "Y", "longitude": "X", "region": ""}
    assert (settings.encoding, settings.separator, settings.decimal) == ("cp1251", ";", ",")
    assert frame is not None
    assert frame.scale == 1e-6


def test_swapped_columns_are_refused_with_lines_that_put_them_right(tmp_path: Path) -> None:
    rows = campus_rows(40, -33.9, 151.2)
    swapped = rows.rename(columns={"latitude": "Long", "longitude": "Lat"})
    root = folder(tmp_path, swapped)
    with pytest.raises(FrameError, match="look swapped") as caught:
        read_dataset(root)
    (root / "campus.toml").write_text(str(caught.value).split("these lines:")[1], encoding="utf-8")
    expected = rows[["latitude", "longitude"]].to_numpy(np.float64)
    np.testing.assert_array_equal(read_dataset(root).positions, expected)


def test_swapped_numbers_of_one_column_are_refused(tmp_path: Path) -> None:
    rows = campus_rows(40, -33.9, 151.2)
    rows["position"] = rows["longitude"] + ", " + rows["latitude"]
    root = folder(tmp_path, rows[["filename", "position"]])
    with pytest.raises(FrameError, match="other number first in column 'position'"):
        read_dataset(root)


def test_numbers_of_a_plane_are_not_called_swapped(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(FrameError, match="planar_metres"):
        read_campus(tmp_path, labels(rng.uniform(90, 180, 50), rng.uniform(0, 80, 50)))


def test_rows_that_are_no_degrees_are_shown(tmp_path: Path) -> None:
    table = around(-33.9, 151.2, 40)
    table.loc[:2, ["latitude", "longitude"]] = [151.2, -33.5]
    with pytest.raises(
        FrameError, match=r"in 3 of 40 rows \(151\.2 -33\.5, .*correct these, if the others are"
    ):
        read_campus(tmp_path, table)


def test_the_scale_of_e7_numbers_places_them_on_earth(tmp_path: Path) -> None:
    table = (around(48.2, 11.5) * 1e7).round()
    with pytest.raises(FrameError) as caught:
        read_campus(tmp_path, table)
    section = next(part for part in str(caught.value).split("[frame]") if "scale =" in part)
    (tmp_path / "campus.toml").write_text(f"[frame]{section}", encoding="utf-8")
    degrees = read_campus(tmp_path, table).frame.to_degrees(table.to_numpy())
    np.testing.assert_allclose(degrees.mean(axis=0), [48.2, 11.5], atol=1e-3)


@pytest.mark.parametrize("written", ['"5"', "5.0", "true", "[5]"])
def test_a_number_of_regions_that_is_none_is_named(tmp_path: Path, written: str) -> None:
    (tmp_path / "campus.toml").write_text(f"regions = {written}\n", encoding="utf-8")
    with pytest.raises(LabelError, match="regions must be a whole number, such as regions = 12"):
        read_campus(tmp_path, around(17.445, 78.349))
