import io
import os
import struct
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from core.dataset import decode
from core.dataset.decode import (
    FORMATS,
    PHOTO_SUFFIXES,
    counters,
    decode_display,
    decode_photo,
    known_signature,
    open_header,
    square_hfov_deg,
)
from core.errors import ImageError

EXIF_ORIENTATION = 0x0112


def quadrants(width: int = 80, height: int = 60) -> np.ndarray:
    """Red, green, blue and white quarters: any turn or mirror shows."""
    pixels = np.zeros((height, width, 3), np.uint8)
    top, left = height // 2, width // 2
    pixels[:top, :left] = (220, 20, 20)
    pixels[:top, left:] = (20, 220, 20)
    pixels[top:, :left] = (20, 20, 220)
    pixels[top:, left:] = (240, 240, 240)
    return pixels


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def corners(photo: np.ndarray) -> np.ndarray:
    """Colour in the middle of each quarter, `(4, 3)`."""
    quarter = photo.shape[0] // 4
    at = (quarter, -quarter)
    return np.array([photo[y, x] for y in at for x in at], np.int64)


# How a camera stores an upright scene for each EXIF orientation: the inverse of its transpose.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


PHONE_HEIC = Path(__file__).parent / "stored" / "phone.heic"


@pytest.mark.trap(name="EXIF orientation ignored")
@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG", "AVIF", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_eight_orientations_come_out_upright(orientation: int, kind: str) -> None:
    upright = Image.fromarray(quadrants())
    turn = STORED[orientation]
    stored = upright if turn is None else upright.transpose(turn)
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    photo, kept = decode_photo(encoded(stored, kind, exif=exif, quality=95), size=32)
    wanted, _ = decode_photo(encoded(upright), size=32)
    np.testing.assert_allclose(corners(photo), corners(wanted), atol=16)
    assert kept == pytest.approx(60 / 80)


def test_a_heic_photo_taken_on_end_comes_out_upright() -> None:
    photo, kept = decode_photo(PHONE_HEIC, size=32)
    wanted, _ = decode_photo(encoded(Image.fromarray(quadrants())), size=32)
    np.testing.assert_allclose(corners(photo), corners(wanted), atol=8)
    assert kept == pytest.approx(60 / 80)


def test_heic_without_its_package_is_refused_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decode, "_heif_is_read", lambda: False)
    with pytest.raises(ImageError, match=r"phone\.heic .*HEIC needs: pip install"):
        decode_photo(PHONE_HEIC, size=32)


@pytest.mark.parametrize("kind", [name for name in FORMATS if name != "HEIF"])
def test_every_format_is_read_and_recognised(kind: str) -> None:
    content = encoded(Image.fromarray(quadrants()), kind)
    assert known_signature(content[:16])
    photo, _ = decode_photo(content, size=32)
    np.testing.assert_allclose(
        corners(photo), [[220, 20, 20], [20, 220, 20], [20, 20, 220], [240, 240, 240]], atol=30
    )


def test_signatures_of_other_files_are_not_recognised() -> None:
    assert known_signature(PHONE_HEIC.read_bytes()[:16])
    for head in (b"", b"%PDF-1.7", b"\0\0\0\x18ftypmp42", b"RIFF\0\0\0\0WAVE", b"II*", b"PK\3\4"):
        assert not known_signature(head)
    assert len(set(PHOTO_SUFFIXES)) == len(PHOTO_SUFFIXES)
    assert all(suffix == suffix.lower() and suffix[0] == "." for suffix in PHOTO_SUFFIXES)


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "AVIF", "WEBP"])
def test_the_first_picture_of_several_is_read(kind: str) -> None:
    first, second = Image.new("RGB", (64, 64), "red"), Image.new("RGB", (64, 64), "blue")
    photo, _ = decode_photo(encoded(first, kind, save_all=True, append_images=[second]), size=16)
    assert photo[8, 8, 0] > 240
    assert photo[8, 8, 2] < 15


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    kind = "JPEG" if mode in ("CMYK", "YCbCr") else "PNG"
    image = Image.fromarray(quadrants()).convert(mode)
    photo, _ = decode_photo(encoded(image, kind), size=32)
    assert photo.shape == (32, 32, 3)
    assert photo.dtype == np.uint8
    plain = np.asarray(image.convert("RGB"))[::2, 10:70:2][:, :30]
    assert abs(float(photo.mean()) - float(plain.mean())) < 12


def test_palette_colours_are_kept() -> None:
    image = Image.fromarray(quadrants()).quantize(8)
    photo, _ = decode_photo(encoded(image), size=32)
    np.testing.assert_allclose(corners(photo)[0], [220, 20, 20], atol=6)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_pixels_show_white_paper(mode: str) -> None:
    if mode == "P":
        image = Image.new("P", (40, 40), 0)
        image.putpalette([200, 0, 0, 0, 0, 0])
        content = encoded(image, transparency=0)
    else:
        content = encoded(Image.new(mode, (40, 40), (0,) * len(mode)))
    photo, _ = decode_photo(content, size=16)
    assert (photo == 255).all()


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 64, dtype=np.uint16)[None].repeat(64, axis=0)
    photo, _ = decode_photo(encoded(Image.fromarray(ramp)), size=64)
    np.testing.assert_allclose(photo[32, :, 0], np.linspace(0, 255, 64), atol=1.5)
    photo, _ = decode_photo(encoded(Image.fromarray(ramp), "TIFF"), size=64)
    np.testing.assert_allclose(photo[32, :, 0], np.linspace(0, 255, 64), atol=1.5)


def test_sixteen_bit_colour_keeps_its_upper_bytes() -> None:
    # Pillow writes no RGB of 16 bits: a TIFF of one strip by hand (TIFF 6.0, section 2).
    side, colour = 20, (60000, 30000, 500)
    pixels = np.tile(np.array(colour, "<u2"), side * side).tobytes()
    entries = [
        (256, 3, 1, side), (257, 3, 1, side), (258, 3, 3, 122), (259, 3, 1, 1), (262, 3, 1, 2),
        (273, 4, 1, 128), (277, 3, 1, 3), (278, 3, 1, side), (279, 4, 1, len(pixels)),
    ]  # fmt: skip
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    head += b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    head += struct.pack("<3H", 16, 16, 16)
    assert len(head) == 128
    photo, _ = decode_photo(head + pixels, size=16)
    np.testing.assert_allclose(photo[8, 8], np.array(colour) / 257, atol=1)


def test_cmyk_and_transparent_tiffs_become_rgb() -> None:
    for mode in ("CMYK", "RGBA", "P", "1"):
        image = Image.fromarray(quadrants()).convert(mode)
        photo, _ = decode_photo(encoded(image, "TIFF"), size=32)
        wanted, _ = decode_photo(encoded(image.convert("RGB")), size=32)
        np.testing.assert_allclose(corners(photo), corners(wanted), atol=4)


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_pixels_without_a_known_range_are_refused(kind: type) -> None:
    content = encoded(Image.fromarray(np.ones((32, 32), kind)), "TIFF")
    with pytest.raises(ImageError, match="without a known range; save it as JPEG"):
        decode_photo(content, size=16)


def test_the_preview_of_a_camera_raw_file_is_not_taken_for_the_photo() -> None:
    for tag, value in ((254, 1), (50706, b"\1\4\0\0")):
        content = encoded(Image.new("RGB", (64, 48)), "TIFF", tiffinfo={tag: value})
        with pytest.raises(ImageError, match="camera raw file"):
            decode_photo(content, size=16)


def test_a_photo_of_200_megapixels_is_decoded_small(monkeypatch: pytest.MonkeyPatch) -> None:
    large = Image.new("L", (16384, 12288), 40)
    large.paste(200, (8192, 0, 16384, 12288))
    content = encoded(large, "JPEG")
    asked: list[int] = []
    held = decode._memory.held
    monkeypatch.setattr(decode._memory, "held", lambda size: (asked.append(size), held(size))[1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        photo, kept = decode_photo(content, size=224)
        shown = decode_display(content, max_side=640)
    assert kept == 0.75
    assert shown.shape == (480, 640, 3)
    np.testing.assert_allclose(corners(photo)[:, 0], [40, 200, 40, 200], atol=2)
    assert max(asked) == 8 * 2048 * 1536


def test_large_photos_with_transparency_are_the_same_picture() -> None:
    pixels = np.dstack([quadrants(1600, 1200), np.full((1200, 1600), 255, np.uint8)])
    pixels[:600, :800, 3] = 0
    photo, _ = decode_photo(encoded(Image.fromarray(pixels)), size=64)
    np.testing.assert_allclose(
        corners(photo), [[255, 255, 255], [20, 220, 20], [20, 20, 220], [240, 240, 240]], atol=1
    )


@pytest.mark.parametrize("kind", ["fifo", "device", "folder"])
def test_metadata_are_read_of_regular_files_only(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.jpg"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    with (
        pytest.raises(ImageError, match=r"a\.jpg cannot be read: it is no regular file"),
        open_header(path),
    ):
        pass


def test_metadata_behind_the_pixels_of_a_png_take_memory_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []
    held = decode._memory.held
    monkeypatch.setattr(decode._memory, "held", lambda size: (asked.append(size), held(size))[1])
    for kind in ("PNG", "JPEG"):
        with open_header(encoded(Image.new("RGB", (80, 60)), kind)):
            pass
    assert asked == [4 * 80 * 60, 0]


def test_photos_wait_for_memory_and_one_that_is_too_large_goes_alone() -> None:
    memory = decode._Memory(100)
    inside, order = threading.Event(), list[str]()

    def large() -> None:
        with memory.held(500):
            order.append("large")

    with memory.held(60), memory.held(40):
        thread = threading.Thread(target=large)
        thread.start()
        inside.wait(0.05)
        order.append("small")
    thread.join(5)
    assert order == ["small", "large"]
    assert memory.used == 0


def test_damage_gives_the_memory_back(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    content = encoded(Image.fromarray(noise), "PNG")
    with pytest.raises(ImageError):
        decode_photo(content[: len(content) // 2], size=16)
    assert decode._memory.used == 0

    def fail(_: ImageFile.ImageFile) -> None:
        raise MemoryError

    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
    with pytest.raises(ImageError, match="too little memory for it; save it smaller"):
        decode_photo(content, size=16)
    assert decode._memory.used == 0


def test_the_middle_square_is_kept_and_its_width_told() -> None:
    pixels = np.zeros((50, 100, 3), np.uint8)
    pixels[:, 25:75] = 255
    photo, kept = decode_photo(encoded(Image.fromarray(pixels)), size=50)
    assert kept == 0.5
    assert (photo[:, 2:-2] > 250).all()
    _, kept = decode_photo(encoded(Image.fromarray(pixels.transpose(1, 0, 2).copy())), size=50)
    assert kept == 1.0


def test_the_field_of_view_shrinks_with_the_kept_width() -> None:
    assert square_hfov_deg(90.0, 1.0) == pytest.approx(90.0)
    assert square_hfov_deg(90.0, 0.5) == pytest.approx(2 * np.rad2deg(np.arctan(0.5)))
    np.testing.assert_allclose(square_hfov_deg([65.0, 65.0], [1.0, 0.75])[0], 65.0)


def test_shrinking_averages_rather_than_skips() -> None:
    checks = (np.indices((512, 512)).sum(axis=0) % 2 * 255).astype(np.uint8)
    photo, _ = decode_photo(encoded(Image.fromarray(checks)), size=64)
    assert np.abs(photo.astype(int) - 127).max() < 12


def test_a_large_jpeg_decoded_at_reduced_scale_is_the_same_picture() -> None:
    across = np.linspace(0, 255, 1600)
    ramp = np.stack([across[None].repeat(1200, 0)] * 3, -1).astype(np.uint8)
    photo, _ = decode_photo(encoded(Image.fromarray(ramp), "JPEG", quality=95), size=64)
    middle = np.interp(np.linspace(200, 1400, 64), np.arange(1600), across)
    np.testing.assert_allclose(photo[32, :, 1], middle, atol=4)


def test_photos_of_two_lenses_in_one_file_are_read() -> None:
    first, second = Image.new("RGB", (64, 64), "red"), Image.new("RGB", (64, 64), "blue")
    content = encoded(first, "MPO", save_all=True, append_images=[second])
    photo, _ = decode_photo(content, size=16)
    assert photo[8, 8, 0] > 240
    assert photo[8, 8, 2] < 15


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "BMP"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_truncated_photos_are_refused_by_name(tmp_path: Path, kind: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    content = encoded(Image.fromarray(noise), kind)
    path = tmp_path / f"walk_17.{kind.lower()}"
    path.write_bytes(content[: int(len(content) * share)])
    for read in (lambda p: decode_photo(p, size=32), decode_display):
        with pytest.raises(ImageError, match="walk_17"):
            read(path)


@pytest.mark.parametrize("kind", ["PPM", "TGA", "ICO"])
def test_other_formats_are_refused_whatever_their_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(Image.new("RGB", (32, 32)), kind))
    with pytest.raises(ImageError, match="no JPEG, PNG, WebP, HEIC, AVIF, TIFF, BMP or GIF image"):
        decode_photo(path, size=16)


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few kilobytes that claims, and holds, a great many pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = zlib.crc32(name + content).to_bytes(4, "big")
        return len(content).to_bytes(4, "big") + name + content + check

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x01\x00\x00\x00\x00"
    rows = zlib.compress(bytes(height * (1 + (width + 7) // 8)), 9)
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [10_001, 14_000, 20_000])
def test_decompression_bombs_are_refused_unopened(side: int) -> None:
    with pytest.raises(ImageError, match=r"upload .*at most 100 million are read of a PNG"):
        decode_photo(bomb(side, side), size=32)


@pytest.mark.parametrize("size", [(1, 1), (15, 400)])
def test_photos_too_small_to_show_a_place_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ImageError, match="too few"):
        decode_photo(encoded(Image.new("RGB", size)), size=16)


def test_a_photo_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"gone\.jpg cannot be read: there is no such file"):
        decode_photo(tmp_path / "gone.jpg", size=16)


def test_random_bytes_are_refused_by_the_name_given() -> None:
    junk = np.random.default_rng(0).bytes(500)
    for content in (b"", junk, b"\xff\xd8\xff" + junk, b"\x89PNG\r\n\x1a\n" + junk):
        with pytest.raises(ImageError, match=r"holiday\.jpg"):
            decode_photo(content, size=16, name="holiday.jpg")


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("kind", FORMATS)
def test_damaged_photos_decode_or_are_refused_and_never_crash(kind: str) -> None:
    rng, quadrant_image = np.random.default_rng(1), Image.fromarray(quadrants())
    whole = PHONE_HEIC.read_bytes() if kind == "HEIF" else encoded(quadrant_image, kind)
    for _ in range(60):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), 6):
            damaged[place] = rng.integers(256)
        try:
            photo, _ = decode_photo(bytes(damaged), size=16)
        except ImageError:
            continue
        assert photo.shape == (16, 16, 3)


def test_the_display_keeps_the_whole_photo() -> None:
    shown = decode_display(encoded(Image.fromarray(quadrants(400, 200))), max_side=100)
    assert shown.shape == (50, 100, 3)
    small = decode_display(encoded(Image.fromarray(quadrants(40, 30))), max_side=100)
    assert small.shape == (30, 40, 3)


def test_decodes_are_counted() -> None:
    before = counters.photos
    decode_photo(encoded(Image.fromarray(quadrants())), size=16)
    assert counters.photos == before + 1


def test_a_photo_of_endless_scans_is_refused_before_they_are_decoded() -> None:
    stream = io.BytesIO()
    Image.new("RGB", (640, 480), "green").save(stream, "JPEG", progressive=True)
    whole = stream.getvalue()
    assert decode_photo(whole, size=32)[0].shape == (32, 32, 3)
    last = whole[whole.rindex(b"\xff\xda") : -2]
    with pytest.raises(ImageError, match="64 progressive scans"):
        decode_photo(whole[:-2] + last * 5000 + whole[-2:], size=32)


def test_a_picture_of_endless_chunks_is_refused_before_they_are_parsed() -> None:
    stream = io.BytesIO()
    Image.new("RGB", (64, 48), "green").save(stream, "PNG")
    whole = stream.getvalue()
    content = b"k\0v"
    chunk = struct.pack(">I", 3) + b"tEXt" + content + struct.pack(">I", zlib.crc32(b"tEXtk\0v"))
    with pytest.raises(ImageError, match="100,000 chunks"):
        decode_display(whole[:33] + chunk * 100_001 + whole[33:])
    assert decode_display(whole[:33] + chunk * 10 + whole[33:]).shape == (48, 64, 3)


def test_what_is_no_regular_file_is_no_photo(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.jpg")
    (tmp_path / "device.jpg").symlink_to("/dev/zero")
    for name in ("fifo.jpg", "device.jpg", "absent.jpg"):
        with pytest.raises(ImageError, match=name):
            decode_photo(tmp_path / name, size=32)
