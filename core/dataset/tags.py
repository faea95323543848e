"""tags.csv: words that people give to photos, stored beside the label files.

A line holds a photo and one tag. Tags change no label; they select photos, for views and, if a
run's options say so, out of its training part.
"""

import csv
import io
from collections.abc import Collection, Mapping
from pathlib import Path

from core.dataset.layout import STORE_FOLDER
from core.errors import ConfigError, LabelError
from core.files import read_lines, sweep, write_text
from core.locks import Lock

TAGS_FILE = "tags.csv"
COLUMNS = ("photo_id", "tag")
LONGEST_TAG = 40

Tags = dict[str, tuple[str, ...]]


def tidy(tag: str) -> str:
    """A tag without needless blanks, at most `LONGEST_TAG` characters long."""
    return " ".join(tag.split())[:LONGEST_TAG].strip()


def read_tags(folder: Path) -> Tags:
    """Read the tags of a dataset folder by `photo_id`; photos without tags are absent.

    Raises:
        LabelError: The file is no table of tags.
    """
    path = folder / TAGS_FILE
    lines = read_lines(path, COLUMNS, error=LabelError) or []
    tags: dict[str, list[str]] = {}
    for number, line in enumerate(lines, start=2):
        if line and len(line) != len(COLUMNS):
            raise LabelError(f"{path}, line {number}: {len(line):,} values, 2 are needed")
        if line and (tag := tidy(line[1])):
            tags.setdefault(line[0], []).append(tag)
    return {photo: tuple(dict.fromkeys(each)) for photo, each in tags.items()}


def tagged(tags: Mapping[str, Collection[str]], wanted: Collection[str]) -> set[str]:
    """The photos that have one of the wanted tags.

    Raises:
        ConfigError: No photo has a wanted tag.
    """
    there = {tag for each in tags.values() for tag in each}
    if absent := [tag for tag in wanted if tag not in there]:
        known = ", ".join(sorted(there)[:10]) or "no tag"
        raise ConfigError(
            f"no photo has the tag {' or '.join(absent)}: {TAGS_FILE} beside the labels has {known}"
        )
    return {photo for photo, each in tags.items() if not set(wanted).isdisjoint(each)}


def tags_text(tags: Mapping[str, Collection[str]]) -> str:
    """Return tags as the text of `tags.csv`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((photo, tag) for photo in sorted(tags) for tag in tags[photo])
    return text.getvalue()


def change_tags(folder: Path, photos: Collection[str], *, add: str = "", remove: str = "") -> Tags:
    """Give a tag to photos, or take one from them; the file is replaced at once.

    Args:
        folder: The dataset folder.
        photos: By `photo_id`.
        add: A tag that all of them get; empty for none.
        remove: A tag that none of them keeps; empty for none.

    Returns:
        All tags of the data set afterwards.

    Raises:
        LabelError: The file is damaged, or the folder cannot be written to.
        LockHeld: Another process has been changing tags for longer than a second.
    """
    try:
        lock = Lock.take(folder / STORE_FOLDER / "tags")
        try:
            tags = read_tags(folder)
            for photo in photos:
                kept = [tag for tag in tags.pop(photo, ()) if tag != tidy(remove)]
                if made := tuple(dict.fromkeys([*kept, *filter(None, [tidy(add)])])):
                    tags[photo] = made
            if tags:
                write_text(folder / TAGS_FILE, tags_text(tags))
            else:
                (folder / TAGS_FILE).unlink(missing_ok=True)
            sweep(folder, TAGS_FILE)
        finally:
            lock.close()
    except OSError as error:
        raise LabelError(
            f"{folder / TAGS_FILE} cannot be written ({error.strerror}): tags are stored beside "
            "the labels, so copy the dataset to a folder that you may write to"
        ) from error
    return tags
