"""A data set written in any dialect is read back with the same values."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.dataset.labels import read_dataset
from core.geo import heading_error_deg
from core.tables.columns import NAMES
from tests.tables.folders import campus_rows, folder, geojson, numbers, photos, sexagesimal

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252")
PER_DEGREE = {
    "degrees": 1.0, "radians": np.pi / 180, "turns": 1 / 360, "mils": 6400 / 360,
    "grads": 400 / 360,
}  # fmt: skip
MARKS = {
    "degrees": "deg", "radians": "rad", "turns": "turns", "mils": "mil", "grads": "gon",
}  # fmt: skip
REGIONS = ("Café", "Bücherei", "Gate 7", "12", "Ñandú", "Haupt, Nord", 'the "Hall"', "a;b|c")
# Names that stand for other things too, or that another column of the table has.
AMBIGUOUS = {"label", "class", "classlabel", "name", "location", "place"}


def names_of(role: str) -> list[str]:
    return [name for tier in NAMES[role] for name in tier.split() if name not in AMBIGUOUS]


def name(draw: st.DrawFn, role: str) -> str:
    """A known column name in some case, with a blank around it at times."""
    known = draw(st.sampled_from(names_of(role)))
    case = draw(st.sampled_from([str.lower, str.upper, str.title]))
    return str(draw(st.sampled_from(["{}", " {}", "{} "]))).format(case(known))


@st.composite
def dialects(draw: st.DrawFn) -> dict[str, object]:
    """A place, headings, regions, and how they are written."""
    return {
        "place": (
            draw(st.floats(-75.0, 75.0)),
            draw(st.sampled_from([-179.9995, -70.2, 0.0, 18.4, 179.9995])),
        ),
        "seed": draw(st.integers(0, 10_000)),
        "separator": draw(st.sampled_from([",", ";", "\t", "|"])),
        "encoding": draw(st.sampled_from(ENCODINGS)),
        "before": draw(st.sampled_from(["", "title", "sep", "blank"])),
        "notation": draw(st.sampled_from(
            ["plain", "comma", "degree", "behind", "before", "dms", "own", "pair", "wkt", "0..360"]
        )),
        "unit": draw(st.sampled_from(sorted(PER_DEGREE))),
        "unit_said": draw(st.sampled_from(["name", "campus.toml"])),
        "names": {role: name(draw, role) for role in ("filename", "latitude", "longitude",
                                                      "heading", "region")},
        "order": draw(st.permutations(range(5))),
        "index_column": draw(st.booleans()),
        "geojson": draw(st.integers(0, 9)) == 0,
    }  # fmt: skip


def wrapped(rows: pd.DataFrame) -> pd.DataFrame:
    """Longitudes in [-180, 180)."""
    east = (numbers(rows, "longitude") + 180.0) % 360.0 - 180.0
    return rows.assign(longitude=[f"{value:.7f}" for value in east])


def coordinates(rows: pd.DataFrame, notation: str) -> pd.DataFrame:
    """The columns of the positions in a notation."""
    north, east = numbers(rows, "latitude"), numbers(rows, "longitude")
    if notation in ("pair", "wkt"):
        pattern = "{0:.7f}, {1:.7f}" if notation == "pair" else "POINT ({1:.7f} {0:.7f})"
        title = "latlon" if notation == "pair" else "geometry"
        return pd.DataFrame(
            {title: [pattern.format(*each) for each in zip(north, east, strict=True)]}
        )
    columns = {}
    for role, values, plus, minus in (("latitude", north, "N", "S"), ("longitude", east, "E", "W")):
        side = [plus if value >= 0 else minus for value in values]
        size = [f"{abs(value):.7f}" for value in values]
        if notation == "0..360" and role == "longitude":
            columns[role] = [f"{value % 360.0:.7f}" for value in values]
        elif notation == "comma":
            columns[role] = [f"{value:.7f}".replace(".", ",") for value in values]
        elif notation == "degree":
            columns[role] = [f"{value:.7f}°" for value in values]
        elif notation == "behind":
            columns[role] = [f"{a} {b}" for a, b in zip(size, side, strict=True)]
        elif notation == "before":
            columns[role] = [f"{b}{a}°" for a, b in zip(size, side, strict=True)]
        elif notation == "dms":
            columns[role] = [sexagesimal(value, plus, minus) for value in values]
        elif notation == "own":
            columns[role], columns[f"GPS{role.title()}Ref"] = size, side
        else:
            columns[role] = [f"{value:.7f}" for value in values]
    return pd.DataFrame(columns)


def written(rows: pd.DataFrame, dialect: dict[str, object], root: Path) -> Path:
    """Write the rows as a data set folder in a dialect."""
    if dialect["geojson"]:
        photos(root, rows["filename"].tolist())
        (root / "labels.geojson").write_text(geojson(rows), encoding="utf-8")
        return root
    names, unit = dialect["names"], str(dialect["unit"])
    assert isinstance(names, dict)
    titles = dict(names)
    campus = ""
    if dialect["unit_said"] == "campus.toml":
        campus = f'heading = "{unit}"\n'
    else:
        titles["heading"] = f"{names['heading'].strip()} [{MARKS[unit]}]"
    if dialect["notation"] == "own":
        titles |= {"latitude": "latitude", "longitude": "longitude"}
    place = coordinates(rows, str(dialect["notation"])).rename(columns=titles)
    angle = [f"{value:.9f}" for value in numbers(rows, "angle") * PER_DEGREE[unit]]
    parts = [
        pd.DataFrame({titles["filename"]: rows["filename"]}),
        place,
        pd.DataFrame({titles["heading"]: angle}),
        pd.DataFrame({titles["region"]: rows["Region_ID"]}),
        pd.DataFrame({"note": ["as seen"] * len(rows)}),
    ]
    order = dialect["order"]
    assert isinstance(order, list | tuple)
    table = pd.concat([parts[number] for number in order], axis=1)
    if dialect["index_column"]:
        table.insert(0, "", range(len(table)))
    separator = str(dialect["separator"])
    before = {"": "", "title": "Survey of 2024\n", "sep": f"sep={separator}\n", "blank": "\n\n"}
    text = before[str(dialect["before"])] + table.to_csv(index=False, sep=separator)
    photos(root, rows["filename"].tolist())
    (root / "labels.csv").write_bytes(text.encode(str(dialect["encoding"])))
    (root / "campus.toml").write_text(campus, encoding="utf-8")
    return root


@pytest.mark.trap(name="labels in a dialect that is read wrong")
@settings(max_examples=100, deadline=None, derandomize=True)
@given(dialects())
def test_any_dialect_is_read_back(dialect: dict[str, object]) -> None:
    place, seed = dialect["place"], dialect["seed"]
    assert isinstance(place, tuple)
    assert isinstance(seed, int)
    rows = wrapped(campus_rows(24, *place, seed=seed))
    rows["Region_ID"] = [REGIONS[(seed + row) % len(REGIONS)] for row in range(24)]
    with tempfile.TemporaryDirectory() as folder_name:
        dataset = read_dataset(written(rows, dialect, Path(folder_name)))
    assert len(dataset) == 24
    np.testing.assert_allclose(dataset.positions[:, 0], numbers(rows, "latitude"), atol=1e-7)
    east = dataset.positions[:, 1] - numbers(rows, "longitude")
    np.testing.assert_allclose((east + 180.0) % 360.0 - 180.0, 0.0, atol=1e-7)
    assert heading_error_deg(dataset.headings_deg, numbers(rows, "angle")).max() < 1e-5
    assert dataset.table["region"].tolist() == rows["Region_ID"].tolist()
    extent = np.ptp(dataset.local_frame().to_metres(dataset.positions), axis=0)
    assert extent.max() < 450.0


def test_the_folder_maker_writes_what_it_is_given(tmp_path: Path) -> None:
    rows = campus_rows(8)
    assert read_dataset(folder(tmp_path, rows)).table["filename"].tolist() == list(rows["filename"])
