"""Tables that people have: each is read with the values that it was written with."""

import json
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from core.dataset.labels import Dataset, read_dataset
from core.errors import FrameError, LabelError
from core.tables.formats import read_raw
from tests.tables.folders import (
    COLUMNS,
    campus_rows,
    folder,
    geojson,
    numbers,
    photos,
    sexagesimal,
)

ROWS = campus_rows()


def check(dataset: Dataset, rows: pd.DataFrame = ROWS, atol: float = 1e-9) -> None:
    assert len(dataset) == len(rows)
    np.testing.assert_allclose(dataset.positions[:, 0], numbers(rows, "latitude"), atol=atol)
    np.testing.assert_allclose(dataset.positions[:, 1], numbers(rows, "longitude"), atol=atol)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_separators_and_encodings(tmp_path: Path, separator: str, encoding: str) -> None:
    rows = ROWS.assign(Region_ID="Café")
    dataset = read_dataset(folder(tmp_path, rows, separator=separator, encoding=encoding))
    check(dataset)
    assert dataset.regions == ("Café",)
    source = dataset.sources[0]
    assert (source.separator, source.encoding.replace("-sig", "")) == (
        separator, encoding.replace("-sig", ""),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("before", "separator"),
    [("sep=;\n", ";"), ("Campus survey 2024\n", ","), ("Survey,,,,,\n,,,,,\n", ","), ("\n\n", ";")],
)
def test_what_stands_above_the_header(tmp_path: Path, before: str, separator: str) -> None:
    check(read_dataset(folder(tmp_path, ROWS, before=before, separator=separator)))


def test_rows_of_commas_repeated_headers_and_an_index_column(tmp_path: Path) -> None:
    rows = ROWS.copy()
    rows.insert(1, "", [str(number) for number in range(len(rows))])
    root = folder(tmp_path, rows)
    lines = (root / "labels.csv").read_text().splitlines()
    text = "\n".join([*lines[:5], ",,,,,,", lines[0], *lines[5:], ",,,,,,", ""])
    (root / "labels.csv").write_text(text)
    dataset = read_dataset(root)
    check(dataset)
    assert "labels.csv: 2 empty rows were passed over" in dataset.notes


@pytest.mark.parametrize("separator", [";", ","])
def test_decimal_commas(tmp_path: Path, separator: str) -> None:
    rows = ROWS.assign(
        latitude=ROWS["latitude"].str.replace(".", ","),
        longitude=ROWS["longitude"].str.replace(".", ","),
    )
    check(read_dataset(folder(tmp_path, rows, separator=separator)))


def both(rows: pd.DataFrame, write: object) -> pd.DataFrame:
    """Rewrite both coordinates by `write(value, plus, minus)`."""
    return rows.assign(
        latitude=[write(value, "N", "S") for value in numbers(rows, "latitude")],  # type: ignore[operator]
        longitude=[write(value, "E", "W") for value in numbers(rows, "longitude")],  # type: ignore[operator]
    )


NOTATIONS = {
    "degree sign": lambda v, p, m: f"{v:.7f}°",
    "letter behind": lambda v, p, m: f"{abs(v):.7f} {p if v >= 0 else m}",
    "letter before": lambda v, p, m: f"{p if v >= 0 else m} {abs(v):.7f}°",
    "sign and letter": lambda v, p, m: f"{v:.7f}{p if v >= 0 else m}",
    "minutes and seconds": sexagesimal,
    "exiftool": lambda v, p, m: sexagesimal(v, p, m).replace("°", " deg ").replace("'", "' "),
    "minus of a typesetter": lambda v, p, m: f"{v:.7f}".replace("-", "−"),
    "minutes": lambda v, p, m: f"{int(abs(v))}° {abs(v) % 1 * 60:.6f}' {p if v >= 0 else m}",
}


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("place", [(12.0, 77.0), (-33.9, 18.4), (40.0, -77.7)])
def test_notations_of_coordinates(
    tmp_path: Path, notation: str, place: tuple[float, float]
) -> None:
    rows = campus_rows(40, *place)
    check(read_dataset(folder(tmp_path, both(rows, NOTATIONS[notation]))), rows, atol=1e-7)


def test_hemispheres_in_columns_of_their_own(tmp_path: Path) -> None:
    rows = campus_rows(40, -33.9, -70.6)
    written = rows.assign(
        latitude=rows["latitude"].str.lstrip("-"), longitude=rows["longitude"].str.lstrip("-"),
        GPSLatitudeRef="South", GPSLongitudeRef="W",
    )  # fmt: skip
    check(read_dataset(folder(tmp_path, written)), rows)


@pytest.mark.parametrize("text", ["-12.002 N", "12°75'0\"N", "12.002 E", "77.002 O"])
def test_coordinates_that_contradict_themselves_are_left_out_with_their_text(
    tmp_path: Path, text: str
) -> None:
    rows = ROWS.copy()
    rows.loc[3, "latitude"] = text
    dataset = read_dataset(folder(tmp_path, rows), allow_missing=True)
    assert dataset.excluded["photo_id"].tolist() == ["images/img_000003.jpg"]
    assert repr(text) in dataset.excluded["reason"][0]


@pytest.mark.trap(name="a sign or a factor of a thousand that is lost")
def test_thousands_separators_of_a_plane(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    metres = rng.integers(1_100, 1_900, (40, 2))
    rows = ROWS.assign(
        latitude=[f"{north:,}" for north in metres[:, 0]],
        longitude=[f"{east:,}" for east in metres[:, 1]],
    )
    plane = '[frame]\nkind = "planar_metres"\n'
    dataset = read_dataset(folder(tmp_path, rows, campus=plane))
    np.testing.assert_array_equal(dataset.positions, metres)


def test_a_number_that_may_be_two_is_refused_with_both_and_read_when_said(tmp_path: Path) -> None:
    rows = ROWS.assign(latitude="1,725", longitude=[f"2,{row + 100}" for row in range(40)])
    rows["latitude"] = [f"1,{row + 100}" for row in range(40)]
    scaled = '[frame]\nkind = "scaled_degrees"\nscale = 1e-2\norigin_latitude = 12.0\n'
    root = folder(tmp_path, rows, campus=scaled)
    with pytest.raises(LabelError, match="ambiguous"):
        read_dataset(root)
    (root / "campus.toml").write_text('[table]\ndecimal = ","\n' + scaled)
    assert read_dataset(root).positions[0].tolist() == [1.1, 2.1]


def test_large_numbers_with_thousands_need_a_frame(tmp_path: Path) -> None:
    rows = both(ROWS, lambda value, plus, minus: f"{value * 1e5:,.2f}")
    with pytest.raises(FrameError, match=r"1\.199\d*e\+06|1\.2\d*e\+06"):
        read_dataset(folder(tmp_path, rows))


def test_longitudes_of_0_to_360(tmp_path: Path) -> None:
    rows = campus_rows(40, 40.0, -77.7)
    written = rows.assign(longitude=[f"{v + 360.0:.7f}" for v in numbers(rows, "longitude")])
    dataset = read_dataset(folder(tmp_path, written))
    check(dataset, rows)
    assert dataset.notes == ("40 longitudes from 180 to 360 degrees were written as negative ones",)


def test_a_longitude_far_beyond_180_that_is_off_the_campus_is_no_place(tmp_path: Path) -> None:
    rows = ROWS.copy()
    rows.loc[3, "longitude"] = "277.0003"
    degrees = '[frame]\nkind = "degrees"\n'
    dataset = read_dataset(folder(tmp_path, rows, campus=degrees), allow_missing=True)
    assert "no place on Earth" in dataset.excluded["reason"][0]


HEADERS = {
    "exiftool": "SourceFile DateTimeOriginal GPSLatitude GPSLongitude GPSImgDirection Region_ID",
    "fiftyone": "filepath timestamp latitude longitude heading ground_truth",
    "mapillary": "image_path captured_at lat lon compass_angle zone",
    "german": "Dateiname Uhrzeit Breitengrad Längengrad Blickrichtung Bereich",
    "french": "fichier heure latitude longitude cap secteur",
    "spanish": "archivo hora latitud longitud rumbo zona",
    "polish": "Nazwa_pliku czas Szerokość Długość Kierunek Obszar",
    "portuguese": "arquivo hora latitude longitude direção região",
    "italian": "immagine orario latitudine longitudine direzione settore",
    "label studio": "image timestamp latitude longitude angle choice",
}


@pytest.mark.parametrize("header", HEADERS)
def test_column_names_of_other_programs_and_languages(tmp_path: Path, header: str) -> None:
    dataset = read_dataset(folder(tmp_path, ROWS.set_axis(HEADERS[header].split(), axis=1)))
    check(dataset)
    np.testing.assert_array_equal(dataset.headings_deg, numbers(ROWS, "angle"))
    assert dataset.regions == ("1", "2", "3")
    assert dataset.table["minute"][0] == 480.0


def test_units_in_column_names(tmp_path: Path) -> None:
    names = ["Filename", "Time", "Latitude (deg)", "Longitude [°]", "Heading [rad]", "Region"]
    rows = ROWS.assign(angle=[f"{v:.6f}" for v in np.deg2rad(numbers(ROWS, "angle"))])
    dataset = read_dataset(folder(tmp_path, rows.set_axis(names, axis=1)))
    np.testing.assert_allclose(dataset.headings_deg, numbers(ROWS, "angle"), atol=1e-3)
    assert "headings were converted from radians, as the column's name says" in dataset.notes


def test_a_near_name_is_suggested_and_never_taken(tmp_path: Path) -> None:
    root = folder(tmp_path, ROWS.rename(columns={"latitude": "latitudde"}))
    with pytest.raises(LabelError) as caught:
        read_dataset(root)
    assert 'latitude = "latitudde"' in str(caught.value)
    (root / "campus.toml").write_text('[columns]\nlatitude = "latitudde"\n')
    check(read_dataset(root))


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (lambda lat, lon: f"POINT ({lon} {lat})", "geometry"),
        (lambda lat, lon: f"SRID=4326;POINT Z({lon} {lat} 5)", "wkt"),
        (lambda lat, lon: f"{lat}, {lon}", "latlon"),
        (lambda lat, lon: f"{lat},{lon}", "coordinates"),
        (lambda lat, lon: f"({lat} {lon})", "position"),
        (lambda lat, lon: f"[{lon}, {lat}]", "location.point"),
        (lambda lat, lon: f"{lat} N, {lon} E", "GPSPosition"),
    ],
)
def test_one_column_with_the_whole_position(tmp_path: Path, write: object, name: str) -> None:
    pairs = zip(ROWS["latitude"], ROWS["longitude"], strict=True)
    rows = ROWS.drop(columns=["latitude", "longitude"])
    rows[name] = [write(*pair) for pair in pairs]  # type: ignore[operator]
    check(read_dataset(folder(tmp_path, rows)))


def test_workbooks_parquet_and_json(tmp_path: Path) -> None:
    typed = ROWS.assign(
        latitude=numbers(ROWS, "latitude"), longitude=numbers(ROWS, "longitude"),
        angle=numbers(ROWS, "angle"),
    )  # fmt: skip
    writers = {
        "labels.xlsx": lambda path: typed.to_excel(path, index=False, startrow=2),
        "labels.parquet": lambda path: typed.to_parquet(path, index=False),
        "labels.json": lambda path: path.write_text(typed.to_json(orient="records")),
        "labels.jsonl": lambda path: path.write_text(typed.to_json(orient="records", lines=True)),
        "labels.geojson": lambda path: path.write_text(geojson(ROWS)),
    }
    for name, write in writers.items():
        root = photos(tmp_path / name, ROWS["filename"].tolist())
        write(root / name)
        dataset = read_dataset(root)
        check(dataset)
        np.testing.assert_array_equal(dataset.headings_deg, numbers(ROWS, "angle"))


def test_formulas_that_no_program_computed_are_named(tmp_path: Path) -> None:
    root = photos(tmp_path / "campus", ROWS["filename"].tolist())
    book = openpyxl.Workbook()
    book.active.append(["filename", "latitude", "longitude"])
    for row in ROWS.itertuples():
        book.active.append([row.filename, float(row.latitude), "=77+0.0001"])
    book.save(root / "labels.xlsx")
    notes = read_raw(root / "labels.xlsx").notes
    assert any(f"{len(ROWS)} formulas without a value" in note for note in notes)
    for row in book.active.iter_rows():
        for cell in row:
            cell.value = "=1"
    book.save(root / "labels.xlsx")
    with pytest.raises(LabelError, match="holds 123 formulas without a value"):
        read_raw(root / "labels.xlsx")


def test_gpx_waypoints_and_kml_placemarks(tmp_path: Path) -> None:
    records = ROWS.to_dict("records")
    points = "".join(
        f'<wpt lat="{r["latitude"]}" lon="{r["longitude"]}"><name>{r["filename"]}</name></wpt>'
        for r in records
    )
    marks = "".join(
        f'<Placemark><name>{r["filename"]}</name><ExtendedData><Data name="heading"><value>'
        f"{r['angle']}</value></Data></ExtendedData><Point><coordinates>{r['longitude']},"
        f"{r['latitude']},0</coordinates></Point></Placemark>"
        for r in records
    )
    gpx = f'<gpx xmlns="http://www.topografix.com/GPX/1/1" version="1.1">{points}</gpx>'
    kml = f'<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{marks}</Document></kml>'
    for name, text in (("labels.gpx", gpx), ("labels.kml", kml)):
        root = photos(tmp_path / name, ROWS["filename"].tolist())
        (root / name).write_text(text)
        check(read_dataset(root))
    kml_headings = read_dataset(tmp_path / "labels.kml").headings_deg
    np.testing.assert_array_equal(kml_headings, numbers(ROWS, "angle"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.xlsx", b"PK" + b" " * 98),
        ("labels.parquet", b"PAR1 nothing PAR1"),
        ("labels.json", b'{"a": '),
        ("labels.json", b"[" * 100_000),
        ("labels.gpx", b"<gpx><wpt"),
        ("labels.kml", b"<kml></kml>"),
    ],
)
def test_damaged_files_are_refused_by_name(tmp_path: Path, name: str, content: bytes) -> None:
    root = photos(tmp_path, ["a.jpg"])
    (root / name).write_bytes(content)
    with pytest.raises(LabelError, match=name):
        read_dataset(root)


def test_a_damaged_workbook_is_refused_and_an_infinite_number_is_none(tmp_path: Path) -> None:
    book = photos(tmp_path / "book", ROWS["filename"].tolist()) / "labels.xlsx"
    ROWS.to_excel(book, index=False)
    content = bytearray(book.read_bytes())
    for place in range(200, len(content) - 2_000, 97):
        content[place] ^= 0xFF
    book.write_bytes(content)
    with pytest.raises(LabelError, match=r"labels\.xlsx"):
        read_dataset(book.parent)
    root = photos(tmp_path / "json", ROWS["filename"].tolist())
    text = geojson(ROWS).replace(ROWS["latitude"][3].rstrip("0"), "1e999")
    (root / "labels.geojson").write_text(text)
    dataset = read_dataset(root, allow_missing=True)
    assert dataset.excluded["photo_id"].tolist() == ["images/img_000003.jpg"]


def test_the_only_table_of_a_folder_is_read(tmp_path: Path) -> None:
    dataset = read_dataset(folder(tmp_path, ROWS, name="Begehung.csv"))
    check(dataset)
    assert "Begehung.csv was read as the label file" in dataset.notes[0]


@pytest.mark.parametrize(
    ("times", "first"),
    [
        ([str(1709630000000 + 60_000 * row) for row in range(40)], "2024-03-05 09:13:20"),
        ([str(1709630000 + 60 * row) for row in range(40)], "2024-03-05 09:13:20"),
        ([f"{45356.25 + row / 1440:.6f}" for row in range(40)], "2024-03-05 06:00:00"),
        ([f"20240305_0600{row:02d}" for row in range(40)], "2024-03-05 06:00:00"),
        ([f"05.03.2024 06.{row:02d}" for row in range(40)], "05.03.2024 06:00:00"),
    ],
)
def test_times_of_machines(tmp_path: Path, times: list[str], first: str) -> None:
    table = read_dataset(folder(tmp_path, ROWS.assign(timestamp=times))).table
    assert table["timestamp"][0] == first
    assert table["minute"].notna().all()


def test_a_date_in_a_column_of_its_own_joins_the_clock(tmp_path: Path) -> None:
    table = read_dataset(folder(tmp_path, ROWS.assign(date="2024-03-05"))).table
    assert table["timestamp"][0] == "2024-03-05 08:00"


def test_names_of_columns_are_those_that_were_written(tmp_path: Path) -> None:
    source = read_dataset(folder(tmp_path, ROWS)).sources[0]
    roles = ["filename", "timestamp", "latitude", "longitude", "heading", "region"]
    assert json.loads(json.dumps(dict(source.columns))) == dict(zip(roles, COLUMNS, strict=True))
