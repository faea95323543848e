"""Copies of photos that hold pixels and nothing else."""

import io
import os
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from PIL import Image

from core.dataset.decode import decode_display
from core.errors import ImageError
from core.ingest.gather import LeftOut, Source

Progress = Callable[[int, int], None]

QUALITY = 92
# Windows takes a file of such a name for a device, whatever its extension.
_DEVICES = {"con", "prn", "aux", "nul"} | {
    f"{port}{number}" for port in ("com", "lpt") for number in range(10)
}


def copy_photos(
    sources: Sequence[Source], folder: Path, size: int | None, progress: Progress | None = None
) -> tuple[dict[str, str], list[LeftOut]]:
    """Write every photo as an upright JPEG without EXIF, maker notes, thumbnail, XMP or comment.

    The pixels are encoded anew from decoded ones, so nothing that the original says besides them
    can be left. A colour profile is dropped too, as training ignores it.

    Args:
        sources: The photos.
        folder: Where to write them.
        size: Longest side in pixels; None keeps that of the original.
        progress: Called with `(photos done, photos in all)`.

    Returns:
        File name of the copy by the relative path of its original, and those that cannot be read.
    """
    names = copy_names([source.relative for source in sources])
    copied: dict[str, str] = {}
    left_out: list[LeftOut] = []
    # Pillow decodes and encodes outside the interpreter lock, so threads use every core; few, as a
    # photo of 50 million pixels takes half a gigabyte while it is turned.
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        done = pool.map(
            lambda source: _copy(source, folder / names[source.relative], size), sources
        )
        for number, (source, reason) in enumerate(zip(sources, done, strict=True), start=1):
            if reason:
                left_out.append(LeftOut(source.relative, reason))
            else:
                copied[source.relative] = names[source.relative]
            if progress:
                progress(number, len(sources))
    return copied, left_out


def copy_names(relative: Sequence[str]) -> dict[str, str]:
    """Name the copies, all in one folder: `gate/IMG_1.HEIC.jpeg` becomes `gate_IMG_1.HEIC.jpg`.

    The names are valid on Windows too. Two that differ by case only, or not at all, get different
    numbers.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for path in relative:
        parts = PurePosixPath(path).with_suffix("").parts
        # Label files read a backslash as a folder's mark, and other systems refuse some letters.
        plain = re.sub(r"[^\w.()@+ -]", "-", "_".join(parts)).strip()
        if plain.partition(".")[0].strip().lower() in _DEVICES:
            plain = f"_{plain}"
        name, number = plain, 1
        while name.lower() in taken:
            number += 1
            name = f"{plain}-{number}"
        taken.add(name.lower())
        names[path] = f"{name}.jpg"
    return names


def _copy(source: Source, path: Path, size: int | None) -> str:
    """Write one copy; says why that cannot be done, or `""`."""
    longest = max(source.exif.width, source.exif.height)
    try:
        pixels = decode_display(source.path, max_side=min(size or longest, longest), name="it")
    except ImageError as error:
        return str(error)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=QUALITY)
    path.write_bytes(stream.getvalue())
    return ""
