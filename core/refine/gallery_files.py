"""A gallery on disk: `gallery.safetensors` (arrays) and `gallery.json` (names, split hash).

The JSON holds the digest of the arrays, so that a torn or mixed pair of files is noticed.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from core.errors import CheckpointError
from core.files import write_bytes, write_json

SCHEMA_VERSION = 1
ARRAYS = "gallery.safetensors"
NAMES = "gallery.json"


def write_gallery(folder: Path, arrays: dict[str, NDArray[Any]], names: dict[str, Any]) -> None:
    """Write the arrays, then the JSON that names them by digest, each at once."""
    content = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    write_bytes(folder / ARRAYS, content)
    digest = hashlib.sha256(content).hexdigest()
    write_json(folder / NAMES, {"schema_version": SCHEMA_VERSION, "sha256": digest, **names})


def has_gallery(folder: Path) -> bool:
    """Whether `folder` claims to hold a gallery."""
    return (folder / NAMES).exists()


def read_gallery(folder: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Read the names and the arrays; CheckpointError where a file is missing or damaged."""
    names = _read_names(folder / NAMES)
    return names, _read_arrays(folder / ARRAYS, str(names["sha256"]))


def _read_names(path: Path) -> dict[str, Any]:
    try:
        names = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(f"no gallery at {path}: train again or copy it there") from error
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is unreadable ({error}): copy it again") from error
    wanted = {"schema_version", "split_hash", "sha256", "photo_ids", "filenames"}
    if not isinstance(names, dict) or not wanted <= names.keys():
        raise CheckpointError(f"{path} lacks one of {sorted(wanted)}: copy it again")
    if names["schema_version"] != SCHEMA_VERSION:
        raise CheckpointError(
            f"{path} has schema version {names['schema_version']}, this program reads "
            f"{SCHEMA_VERSION}: train again or use the version that wrote it"
        )
    return names


def _read_arrays(path: Path, digest: str) -> dict[str, NDArray[Any]]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error}): copy it again") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise CheckpointError(
            f"{path} is not the file that {NAMES} names (damaged, or of another gallery): "
            "copy the checkpoint folder again as a whole"
        )
    try:
        arrays: dict[str, NDArray[Any]] = load(content)
    except SafetensorError as error:
        raise CheckpointError(f"{path} is no safetensors file ({error}): copy it again") from error
    return arrays
