"""A model as one file: its checkpoint in a zip with the SHA-256 of every file.

A bundle holds `manifest.json` and the files of a checkpoint or ensemble, nothing else: no photo, no
run, no report. The names of the training photos are in the gallery and in the split, as in every
checkpoint. Nothing in a bundle is executed or unpickled.

Import trusts nothing: names must be those of a checkpoint, sizes are bounded and followed while
bytes are read, digests must match, and the model must load before its folder gets its name.
"""

import hashlib
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import CheckpointError, ConfigError
from core.files import new_file, unfinished_folder
from core.model.card import MEMBERS
from core.options import in_words
from core.runs import CARD, SPLIT, find_checkpoint, home_of, split_file
from core.system import SYSTEM

MANIFEST = "manifest.json"
MOST_FILES = 200
MOST_BYTES = 16 * 2**30
"""All files together; a network of a billion float32 weights has 4 GB."""
_MOST_MANIFEST = 2**20
_CHUNK = 2**20
_FILE = re.compile(
    r"(?:card|split|calibration|gallery)\.json|gallery\.safetensors"
    r"|(?:model|retrieval)-[0-9a-f]{16}\.safetensors|network-[0-9a-f]{16}\.onnx"
)
_MEMBER = re.compile(r"\w[\w .,+=@()-]{0,98}[\w)]|\w")
# Dates would make two bundles of one model differ.
_DATE = (1980, 1, 1, 0, 0, 0)
_NO_BUNDLE = "copy the file again, or export the model again"


class BundledFile(BaseModel):
    """A file of a bundle: its name, its size in bytes and its SHA-256."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(max_length=300)
    size: int = Field(ge=0, le=MOST_BYTES)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Manifest(BaseModel):
    """Content of `manifest.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["bearings-model"] = "bearings-model"
    version: Literal[1] = 1
    files: tuple[BundledFile, ...] = Field(min_length=1, max_length=MOST_FILES)


def export_model(path: Path, out: Path) -> Manifest:
    """Write the checkpoint of a run, or a checkpoint or ensemble folder, as one file.

    Args:
        path: Run, checkpoint or ensemble.
        out: The file; must not exist.

    Returns:
        What the bundle holds.

    Raises:
        CheckpointError: The checkpoint is missing, damaged or incomplete.
        ConfigError: `out` exists.
    """
    if out.exists() or out.is_symlink():
        raise ConfigError(f"{out} exists: name a new file for the bundle")
    folder = find_checkpoint(path)
    _check_loads(folder)  # A damaged checkpoint is refused here, not at its receiver.
    sources = dict(sorted(_sources(folder)))
    with new_file(out) as new:
        with zipfile.ZipFile(new.stream, "w", zipfile.ZIP_DEFLATED) as bundle:
            files = tuple(_add(bundle, name, source) for name, source in sources.items())
            manifest = Manifest(files=files)
            bundle.writestr(_entry(MANIFEST), manifest.model_dump_json(indent=2))
    return manifest


def _check_loads(folder: Path) -> None:
    # Torch, which a list of commands need not wait for.
    from core.inference.loading import load_predictor

    load_predictor(folder)


def _sources(folder: Path) -> Iterator[tuple[str, Path]]:
    """Names in the bundle, and the files of a checkpoint or ensemble."""
    for file in folder.iterdir():
        if _FILE.fullmatch(file.name) and file.name != SPLIT:
            yield file.name, file
    if (split := split_file(folder)).is_file():
        yield SPLIT, split
    members = folder / MEMBERS
    for member in sorted(members.iterdir()) if members.is_dir() else ():
        if not _MEMBER.fullmatch(member.name):
            raise ConfigError(
                f"member {member.name!r} of {folder} has a name that not every system allows: "
                "rename its run and make the ensemble again"
            )
        for name, file in _sources(member):
            yield f"{MEMBERS}/{member.name}/{name}", file


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _DATE)
    # Weights do not shrink.
    entry.compress_type = (
        zipfile.ZIP_STORED if name.endswith(".safetensors") else zipfile.ZIP_DEFLATED
    )
    entry.external_attr = 0o644 << 16
    return entry


def _add(bundle: zipfile.ZipFile, name: str, source: Path) -> BundledFile:
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as stream, bundle.open(_entry(name), "w", force_zip64=True) as target:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            target.write(chunk)
            size += len(chunk)
    return BundledFile(name=name, size=size, sha256=digest.hexdigest())


def import_model(bundle: Path, out: Path) -> Path:
    """Unpack a bundle into a new checkpoint folder, verified.

    Args:
        bundle: The file.
        out: The folder; must not exist. It appears whole or not at all.

    Returns:
        `out`.

    Raises:
        CheckpointError: The file is no bundle, is damaged, or its model cannot answer.
        ConfigError: `out` exists.
    """
    _check_new(out)
    with unfinished_folder(out) as unpacked:
        _unpack(bundle, unpacked)
        try:
            _check_loads(unpacked)
        except CheckpointError as error:
            raise CheckpointError(f"{bundle} holds no model that can answer: {error}") from error
        _check_new(out)
        SYSTEM.replace(unpacked, out)
    return out


def default_folder(bundle: Path) -> Path:
    """Where a bundle is imported to by default: `checkpoints/NAME`, after the file."""
    return Path("checkpoints") / (bundle.stem.lstrip(".") or "model")


def default_bundle(path: Path) -> Path:
    """The file that a model is exported to by default: its run or checkpoint's name."""
    return Path(f"{home_of(path.resolve()).name}.zip")


def _check_new(out: Path) -> None:
    if out.exists() or out.is_symlink():
        raise ConfigError(f"{out} exists, and import overwrites nothing: name another folder")


def _unpack(path: Path, folder: Path) -> None:
    """Write the files of a bundle into a folder, each checked against the manifest."""
    try:
        with zipfile.ZipFile(path) as bundle:
            manifest = _manifest(bundle, path)
            for file in manifest.files:
                _extract(bundle, file, folder / file.name, path)
    except FileNotFoundError as error:
        raise CheckpointError(f"there is no bundle {path}") from error
    # zipfile's own: damage, an unknown compression, a password.
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise CheckpointError(f"{path} is damaged ({error}): {_NO_BUNDLE}") from error


def _manifest(bundle: zipfile.ZipFile, path: Path) -> Manifest:
    """The manifest, which must name the other entries, each once, by names of a checkpoint."""
    names = [entry.filename for entry in bundle.infolist()]
    if MANIFEST not in names:
        raise CheckpointError(f"{path} is no model bundle (it holds no {MANIFEST}): {_NO_BUNDLE}")
    with bundle.open(MANIFEST) as stream:
        content = stream.read(_MOST_MANIFEST + 1)
    if len(content) > _MOST_MANIFEST:
        raise CheckpointError(f"{path} is damaged (its {MANIFEST} is too large): {_NO_BUNDLE}")
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError as error:
        raise CheckpointError(
            f"{path} is damaged, or of a later version ({in_words(error)}): {_NO_BUNDLE}"
        ) from error
    listed = [file.name for file in manifest.files]
    if sorted(names) != sorted([*listed, MANIFEST]) or len(set(listed)) != len(listed):
        raise CheckpointError(f"{path} holds other files than its {MANIFEST} names: {_NO_BUNDLE}")
    strange = [name for name in listed if not _is_of_checkpoint(name)]
    if strange or CARD not in listed:
        what = f"no part of a checkpoint: {strange[0]!r}" if strange else f"no {CARD}"
        raise CheckpointError(f"{path} holds {what}; nothing was unpacked")
    if sum(file.size for file in manifest.files) > MOST_BYTES:
        raise CheckpointError(f"{path} would unpack to more than {MOST_BYTES >> 30} GB; refused")
    return manifest


def _is_of_checkpoint(name: str) -> bool:
    parts = name.split("/")
    if len(parts) == 3 and parts[0] == MEMBERS and _MEMBER.fullmatch(parts[1]):
        parts = parts[2:]
    return len(parts) == 1 and _FILE.fullmatch(parts[0]) is not None


def _extract(bundle: zipfile.ZipFile, file: BundledFile, target: Path, path: Path) -> None:
    digest, size = hashlib.sha256(), 0
    with bundle.open(file.name) as stream, new_file(target) as new:
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if size > file.size:  # A small file can unpack to terabytes.
                break
            digest.update(chunk)
            new.stream.write(chunk)
        if size != file.size or digest.hexdigest() != file.sha256:
            raise CheckpointError(
                f"{path} is damaged ({file.name} is not the file that its {MANIFEST} names): "
                f"{_NO_BUNDLE}"
            )
