"""`calibration.json` in a checkpoint folder: written atomically, checked against the card."""

import hashlib
import json
from pathlib import Path
from typing import Any

from core.confidence.schema import SCHEMA_VERSION, Calibration
from core.errors import CheckpointError
from core.files import checked, read_object, write_json
from core.model.card import MEMBERS, Card
from core.retrieval.gallery import NAMES as GALLERY
from core.runs import CARD

FILE = "calibration.json"
_KIND = "2-"
"""Prefix of every fingerprint; keys of the first version have none."""
_DESCRIPTIVE = {
    "schema_version", "created", "campus", "demo_seed", "demo_photos", "region_names", "metrics",
    "command", "versions", "notes", "exported",
}  # fmt: skip


def fingerprint(folder: Path, *, calibrated: bool) -> str:
    """Return a hash of everything in a checkpoint or ensemble that its answers depend on.

    It covers the card but for its descriptive entries (weights by content, preprocessing, crops,
    refinement, normaliser, regions, split) and the gallery with its points; of an ensemble also the
    weight and the fingerprint of every member with a weight. A calibration is valid for one
    fingerprint. Equal fingerprints with `calibrated` mean equal predictions, confidence included.

    Args:
        folder: A checkpoint folder or an ensemble folder.
        calibrated: Whether to cover the calibrations, the members' own included.

    Raises:
        CheckpointError: A card cannot be read.
    """
    card = read_object(folder / CARD, "copy the folder again", CheckpointError)
    if card is None:
        raise CheckpointError(f"{folder / CARD} is missing: copy the folder again")
    content: dict[str, Any] = {k: v for k, v in card.items() if k not in _DESCRIPTIVE}
    content["gallery"] = _digest(folder / GALLERY)
    if calibrated:
        content["calibration"] = _digest(folder / FILE)
    ensemble = content.get("ensemble")
    if ensemble is not None:
        weighted = [member for member in ensemble["members"] if member["weight"] > 0]
        content["ensemble"] = [ensemble["agree_m"], ensemble["lead"]] + [
            [
                member["name"],
                round(member["weight"], 9),
                fingerprint(folder / MEMBERS / member["name"], calibrated=calibrated),
            ]
            for member in weighted
        ]
    return _KIND + hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _digest(path: Path) -> str | None:
    """Hash of a file's bytes; None without a file. `gallery.json` holds the hash of its arrays."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None


def _first_version_key(card: Card) -> str:
    """Fingerprint of the first version, of one network: only weights, refinement and crops."""
    content: list[Any] = [card.weights, card.refine, [], None]
    if card.tta is not None:
        content.append(card.tta.model_dump(mode="json"))
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def write_calibration(folder: Path, calibration: Calibration) -> None:
    """Replace the calibration of a checkpoint folder atomically."""
    write_json(folder / FILE, calibration.model_dump(mode="json"))


def read_calibration(folder: Path, card: Card) -> Calibration | None:
    """Read the calibration of a checkpoint; None if it has none.

    Raises:
        CheckpointError: It is damaged, of another version, or was fitted to other predictions or
            another split.
    """
    path, remedy = folder / FILE, f"make it again with `python -m core calibrate {folder}`"
    content = read_object(path, remedy, CheckpointError)
    if content is None:
        return None
    version = content.get("schema_version")
    if version not in range(1, SCHEMA_VERSION + 1):
        raise CheckpointError(
            f"{path} has schema version {version}, this program reads up to {SCHEMA_VERSION}: "
            f"{remedy}"
        )
    calibration = checked(content, Calibration, path, remedy, CheckpointError)
    if card.ensemble is not None and not calibration.answers.startswith(_KIND):
        raise CheckpointError(
            f"{path} was written by an earlier version, which did not record the members' "
            f"refinement, crops and galleries, so it may belong to other predictions: {remedy}"
        )
    if calibration.answers.startswith(_KIND):
        expected = fingerprint(folder, calibrated=False)
    else:
        expected = _first_version_key(card)
    if (calibration.split_hash, calibration.answers) != (card.split.hash, expected):
        raise CheckpointError(
            f"{path} was fitted to another split, network, gallery or refinement than those in its "
            f"folder: {remedy}"
        )
    return calibration
