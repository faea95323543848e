"""`calibration.json` beside a card: written whole, checked against the card when it is read."""

import hashlib
import json
from pathlib import Path

from pydantic import ValidationError

from core.errors import CheckpointError
from core.files import write_json
from core.model.card import Card
from core.trust.schema import SCHEMA_VERSION, Calibration

FILE = "calibration.json"
_MEND = "make it again with `python -m core calibrate"


def answers_key(card: Card) -> str:
    """Name whatever decides answers: weights (a checkpoint's or its members'), crops, refinement.

    A calibration is about answers; with other weights or another refinement it means nothing.
    """
    members = [] if card.ensemble is None else [
        [member.weights, round(member.weight, 9)] for member in card.ensemble.members
    ]  # fmt: skip
    agree = None if card.ensemble is None else card.ensemble.agree_m
    content = [card.weights, card.refine, members, agree]
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
    if (found.split_hash, found.answers) != (card.split.hash, answers_key(card)):
        raise CheckpointError(
            f"{path} was fitted to another split, network or refinement than the card beside it "
            f"names: {_MEND} {folder}`"
        )
    return found
