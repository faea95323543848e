"""File names and numbers of the demo photos."""

from core.demo.errors import DemoError

PHOTOS_PER_WALK = 36


def photo_name(index: int) -> str:
    """File name of a photo."""
    return f"img_{index:06d}.jpg"


def photo_index(filename: str) -> int:
    """Number of a photo from its file name.

    Raises:
        DemoError: the name is not one of the demo campus.
    """
    digits = filename.removeprefix("img_").removesuffix(".jpg")
    if not digits.isdecimal() or photo_name(int(digits)) != filename:
        raise DemoError(f"{filename!r} is no demo photo: names look like {photo_name(12)}")
    return int(digits)
