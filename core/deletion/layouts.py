"""Arrangements of photos that the Explore page keeps in the workspace: which are of a model.

Their names begin with the hash of the model's gallery.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from core.errors import CheckpointError
from core.files import read_object

LAYOUTS = "layouts"
"""Folder of a workspace."""
GALLERY = "gallery.json"
_DIGITS = 16


def layout_name(key: str) -> str:
    """The file name of an arrangement whose key begins with `gallery_key`."""
    return f"tsne-{key}.safetensors"


def gallery_key(checkpoint: Path) -> str:
    """What names the gallery of a checkpoint; empty without one, and if it is damaged."""
    try:
        content = read_object(checkpoint / GALLERY, error=CheckpointError) or {}
    except CheckpointError:
        return ""
    digest = content.get("sha256")
    return digest[:_DIGITS] if isinstance(digest, str) and digest.isalnum() else ""


def layouts_of(models: Iterable[Path], layouts: Path) -> Iterator[Path]:
    """The arrangements of photos of some models, with a report or without.

    Args:
        models: Folders of runs or checkpoints.
        layouts: Where the workspace keeps arrangements; need not exist.
    """
    keys = {gallery_key(file.parent) for model in models for file in model.rglob(GALLERY)} - {""}
    for key in sorted(keys):
        yield from sorted(layouts.glob(layout_name(f"{key}-*")))


def delete_layouts(models: Iterable[Path], layouts: Path) -> None:
    """Remove the arrangements of photos of some models; see `layouts_of`."""
    for file in layouts_of(models, layouts):
        file.unlink(missing_ok=True)
