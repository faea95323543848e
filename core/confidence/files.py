"""`calibration.json` beside a card: written whole, checked against the card when it is read."""

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from core.confidence.schema import SCHEMA_VERSION, Calibration
from core.errors import CheckpointError
from core.files import write_json
from core.model.card import MEMBERS, Card
from core.retrieval.gallery import NAMES as GALLERY
from core.runs import CARD

FILE = "calibration.json"
_MEND = "make it again with `python -m core calibrate"
_KIND = "2-"
"""Begins every fingerprint, so that keys of the first version are told apart."""
_DESCRIPTIVE = {
    "schema_version", "created", "campus", "demo_seed", "demo_photos", "region_names", "metrics",
    "command", "versions", "notes",
}  # fmt: skip


def fingerprint(folder: Path, *, calibrated: bool) -> str:
    """Return a hash of everything in a checkpoint or ensemble that its answers depend on.

    It covers the card but for its descriptive entries (weights by content, preprocessing, crops,
    refinement, normaliser, regions, split) and the gallery with its points; of an ensemble also the
    share and the fingerprint of every member that is asked. A calibration is valid for one
    fingerprint. Equal fingerprints with `calibrated` mean equal predictions, confidence included.

    Args:
        folder: A checkpoint folder or an ensemble folder.
        calibrated: Whether to cover the calibrations, the members' own included.

    Raises:
        CheckpointError: A card cannot be read.
    """
    card = _stored(folder / CARD)
    content: dict[str, Any] = {k: v for k, v in card.items() if k not in _DESCRIPTIVE}
    content["gallery"] = _digest(folder / GALLERY)
    if calibrated:
        content["calibration"] = _digest(folder / FILE)
    together = content.get("ensemble")
    if together is not None:
        asked = [member for member in together["members"] if member["weight"] > 0]
        content["ensemble"] = [together["agree_m"], together["lead"]] + [
            [
                member["name"],
                round(member["weight"], 9),
                fingerprint(folder / MEMBERS / member["name"], calibrated=calibrated),
            ]
            for member in asked
        ]
    return _KIND + hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _stored(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is unreadable ({error}): copy the folder again") from error
    return content


def _digest(path: Path) -> str | None:
    """Hash of a file's bytes; None if there is none. `gallery.json` names its arrays by hash."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None


def _first_version_key(card: Card) -> str:
    """What the first version wrote for one network: weights, refinement and crops alone."""
    content: list[Any] = [card.weights, card.refine, [], None]
    if card.tta is not None:
        content.append(card.tta.model_dump(mode="json"))
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def write_calibration(folder: Path, calibration: Calibration) -> None:
    """Replace the calibration of a checkpoint folder at once."""
    write_json(folder / FILE, calibration.model_dump(mode="json"))


def read_calibration(folder: Path, card: Card) -> Calibration | None:
    """Read the calibration of a checkpoint; None where it has none.

    Raises:
        CheckpointError: Damaged, of another version, or of other answers or another split.
    """
    path = folder / FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is unreadable ({error}): {_MEND} {folder}`") from error
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version != SCHEMA_VERSION:
        raise CheckpointError(
            f"{path} has schema version {version}, this program reads {SCHEMA_VERSION}: {_MEND} "
            f"{folder}`"
        )
    try:
        found = Calibration.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise CheckpointError(
            f"{path} is damaged ({place}: {first['msg']}): {_MEND} {folder}`"
        ) from error
    if card.ensemble is not None and not found.answers.startswith(_KIND):
        raise CheckpointError(
            f"{path} was written by an earlier version, which did not record the members' "
            f"refinement, crops and galleries, so it may be of other answers: {_MEND} {folder}`"
        )
    if found.answers.startswith(_KIND):
        expected = fingerprint(folder, calibrated=False)
    else:
        expected = _first_version_key(card)
    if (found.split_hash, found.answers) != (card.split.hash, expected):
        raise CheckpointError(
            f"{path} was fitted to another split, network, gallery or refinement than those beside "
            f"it: {_MEND} {folder}`"
        )
    return found
