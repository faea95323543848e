import io
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, TiffImagePlugin

from core.dataset.exif import NO_FIX, read_exif
from core.errors import ImageError
from tests.phone_photos import phone_photo

Rational = TiffImagePlugin.IFDRational


def test_position_direction_and_lens_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(
        phone_photo(
            latitude=-17.4451234,
            longitude=-78.3498765,
            direction=271.25,
            accuracy=4.75,
            focal35=26,
            taken="2024:03:05 15:03:20",
        )
    )
    exif = read_exif(path)
    assert exif.latitude == pytest.approx(-17.4451234, abs=1e-8)
    assert exif.longitude == pytest.approx(-78.3498765, abs=1e-8)
    assert (exif.direction_deg, exif.reference, exif.accuracy_m) == (271.25, "true", 4.75)
    assert exif.taken == "2024-03-05 15:03:20"


def test_heic_tiff_webp_avif_and_png_say_the_same_as_jpeg() -> None:
    heic = read_exif(Path(__file__).parent / "stored" / "phone.heic")
    assert heic.latitude == pytest.approx(17.445, abs=1e-8)
    assert heic.longitude == pytest.approx(78.349, abs=1e-8)
    assert (heic.direction_deg, heic.reference, heic.accuracy_m) == (77.5, "true", 4.75)
    assert (heic.width, heic.height, heic.taken) == (80, 60, "2024-03-05 15:03:20")
    jpeg = phone_photo(direction=77.5, orientation=6)
    wanted = read_exif(jpeg)
    for kind in ("WEBP", "AVIF", "PNG", "TIFF"):
        stream = io.BytesIO()
        with Image.open(io.BytesIO(jpeg)) as photo:
            photo.save(stream, kind, exif=photo.getexif())
        assert read_exif(stream.getvalue()) == wanted, kind


def test_field_of_view_follows_from_the_diagonal_and_the_upright_width() -> None:
    # 26 mm on a 4:3 sensor of 43.27 mm diagonal: 34.61 mm across, 25.96 mm down.
    wide = read_exif(phone_photo(size=(160, 120), focal35=26))
    turned = read_exif(phone_photo(size=(160, 120), focal35=26, orientation=6))
    assert wide.hfov_deg == pytest.approx(2 * math.degrees(math.atan(34.6133 / 52)), abs=1e-3)
    assert turned.hfov_deg == pytest.approx(2 * math.degrees(math.atan(25.96 / 52)), abs=1e-3)
    assert (turned.width, turned.height) == (120, 160)
    film = read_exif(phone_photo(size=(180, 120), focal35=50))
    assert film.hfov_deg == pytest.approx(2 * math.degrees(math.atan(36 / 100)), abs=1e-6)


@pytest.mark.trap(name="magnetic and true north")
def test_a_magnetic_direction_is_true_only_with_a_declination() -> None:
    magnetic = read_exif(phone_photo(direction=359.0, reference="M"))
    assert magnetic.reference == "magnetic"
    assert magnetic.true_direction_deg(None) is None
    assert magnetic.true_direction_deg(2.5) == pytest.approx(1.5)
    true = read_exif(phone_photo(direction=359.0, reference="T"))
    assert true.true_direction_deg(2.5) == 359.0
    unsaid = read_exif(phone_photo(direction=359.0, reference=None))
    assert unsaid.direction_deg == 359.0
    assert unsaid.true_direction_deg(2.5) is None


def test_what_is_absent_or_impossible_is_none() -> None:
    plain = io.BytesIO()
    Image.new("RGB", (64, 48)).save(plain, "JPEG")
    bare = read_exif(plain.getvalue())
    assert (bare.has_position, bare.direction_deg, bare.hfov_deg, bare.taken) == (
        False, None, None, ""
    )  # fmt: skip
    assert not read_exif(phone_photo(latitude=0.0, longitude=0.0)).has_position
    assert not read_exif(phone_photo(latitude=95.0)).has_position
    assert read_exif(phone_photo(direction=361.0)).direction_deg is None
    assert read_exif(phone_photo(direction=360.0)).direction_deg == 0.0
    assert read_exif(phone_photo(direction=Rational(7, 0))).direction_deg is None
    assert read_exif(phone_photo(taken="0000:00:00 00:00:00")).taken == ""


def test_a_position_without_hemisphere_is_none() -> None:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(
        {ExifTags.GPS.GPSLatitude: (17.0, 2.0, 3.0), ExifTags.GPS.GPSLongitude: (78.0, 1.0, 1.0)}
    )
    stream = io.BytesIO()
    Image.new("RGB", (64, 48)).save(stream, "JPEG", exif=exif)
    assert not read_exif(stream.getvalue()).has_position


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_damaged_exif_is_an_image_error_or_nothing_but_never_a_crash() -> None:
    sound = phone_photo(direction=12.0)
    start = sound.index(b"Exif\0\0") + 6
    rng = np.random.default_rng(0)
    for _ in range(300):
        torn = bytearray(sound)
        for place in rng.integers(start, start + 400, 6):
            torn[place] = rng.integers(256)
        try:
            read_exif(bytes(torn))
        except ImageError:
            continue


def test_a_png_too_large_is_refused_before_its_pixels_are_read() -> None:
    stream = io.BytesIO()
    Image.new("L", (64, 48)).save(stream, "PNG")
    png = bytearray(stream.getvalue())
    png[16:24] = struct.pack(">II", 10_001, 10_000)
    png[29:33] = struct.pack(">I", zlib.crc32(bytes(png[12:29])))
    with pytest.raises(ImageError, match="100 million"):
        read_exif(bytes(png))


def exif_with(values: dict[int, object], **options: object) -> bytes:
    """A phone photo with other GPS tags."""
    with Image.open(io.BytesIO(phone_photo(**options))) as photo:
        exif = photo.getexif()
        exif.get_ifd(ExifTags.IFD.GPSInfo).update(values)
        stream = io.BytesIO()
        photo.save(stream, "JPEG", exif=exif)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("dms", "latitude"),
    [
        ((17.0, 75.0, 0.0), None),
        ((17.0, 5.0, 61.0), None),
        ((17.0, 5.0, 60.0), 17.1),
        ((17.0, 60.0, 0.0), 18.0),
        ((17.0, 30.0, Rational(0, 0)), None),
        ((17.445, 0.0, 0.0), 17.445),
    ],
)
def test_minutes_and_seconds_beyond_sixty_are_no_position(
    dms: tuple[object, ...], latitude: float | None
) -> None:
    read = read_exif(exif_with({ExifTags.GPS.GPSLatitude: dms}))
    assert read.latitude == (None if latitude is None else pytest.approx(latitude))


def test_decimal_minutes_are_whole_without_seconds() -> None:
    read = read_exif(exif_with({ExifTags.GPS.GPSLatitude: (17.0, 26.7, Rational(0, 0))}))
    assert read.latitude == pytest.approx(17.445)


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [
        ((17.0, 26.7, Rational(0, 0)), (78.0, 21.0, Rational(0, 0))),
        ((17.0, 26.7), (78.0, 21.0)),
        (17.445, 78.35),
    ],
)
def test_decimals_of_one_coordinate_prove_the_other_whole(
    latitude: object, longitude: object
) -> None:
    tags = ExifTags.GPS
    read = read_exif(exif_with({tags.GPSLatitude: latitude, tags.GPSLongitude: longitude}))
    assert (read.latitude, read.longitude) == pytest.approx((17.445, 78.35))


@pytest.mark.parametrize("value", [17.0, (17.0, 30.0), (17.0, 30.0, Rational(0, 0))])
def test_coordinates_cut_to_minutes_are_no_position(value: object) -> None:
    tags = ExifTags.GPS
    read = read_exif(exif_with({tags.GPSLatitude: value, tags.GPSLongitude: value}))
    assert not read.has_position
    assert "incomplete" in read.position_fault


@pytest.mark.parametrize(
    ("latitude", "longitude", "position"),
    [
        ("33,51.416667S", "70,39.0W", (-33.85694445, -70.65)),
        ("33,51,25S", "70,39,0W", (-33.85694444, -70.65)),
        ("33,51.4S", "70,39.0", (None, None)),
        ("33.85S", "", (None, None)),
    ],
)
def test_a_position_in_xmp_counts_if_there_is_no_other(
    latitude: str, longitude: str, position: tuple[float | None, float | None]
) -> None:
    xmp = f'<x exif:GPSLatitude="{latitude}" exif:GPSLongitude="{longitude}"/>'.encode()
    for own in (None, 17.445):
        stream = io.BytesIO()
        with Image.open(io.BytesIO(phone_photo(latitude=own))) as photo:
            photo.save(stream, "JPEG", exif=photo.getexif(), xmp=xmp)
        read = read_exif(stream.getvalue())
        if own is not None:
            assert read.latitude == pytest.approx(own)
        elif position[0] is None:
            assert not read.has_position
            assert read.position_fault
        else:
            assert (read.latitude, read.longitude) == pytest.approx(position, abs=1e-8)


def test_a_receiver_without_a_fix_gives_no_position() -> None:
    void = read_exif(exif_with({ExifTags.GPS.GPSStatus: "V"}))
    assert (void.has_position, void.position_fault) == (False, NO_FIX)
    assert read_exif(exif_with({ExifTags.GPS.GPSStatus: "A"})).has_position


@pytest.mark.parametrize(
    "form", ['GPano:PoseHeadingDegrees="77.5"', "<GPano:PoseHeadingDegrees>77.5</GPano:Pose"]
)
def test_the_heading_of_a_panorama_counts_if_there_is_no_other(form: str) -> None:
    for direction, wanted in ((None, (77.5, "true")), (12.0, (12.0, "magnetic"))):
        stream = io.BytesIO()
        with Image.open(io.BytesIO(phone_photo(direction=direction, reference="M"))) as photo:
            photo.save(stream, "JPEG", exif=photo.getexif(), xmp=f"<x {form}/>".encode())
        read = read_exif(stream.getvalue())
        assert (read.direction_deg, read.reference) == wanted
