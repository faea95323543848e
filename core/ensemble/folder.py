"""An ensemble's folder: members copied under `members/`, then the split, and the card last."""

from collections.abc import Sequence
from pathlib import Path

from core.dataset.splits import Split
from core.errors import CheckpointError, ConfigError
from core.files import write_bytes, write_json
from core.inference.loading import SPLIT, load_split
from core.inference.predictor import Predictor
from core.locks import LOCK, hold
from core.model.card import CARD, MEMBERS, Card, read_card, write_card
from core.refine.gallery import ARRAYS, NAMES, has_gallery
from core.trust.files import FILE as CALIBRATION


def check_free(out: Path) -> None:
    """Refuse to write over anything but an ensemble that was left unfinished.

    Raises:
        ConfigError: `out` holds something.
    """
    if out.is_file():
        raise ConfigError(f"{out} is a file: name a new folder for the ensemble")
    if not out.is_dir():
        return
    # A kill before the card leaves members without one; they are written anew.
    begun = {MEMBERS, SPLIT, LOCK}
    held = sorted(entry.name for entry in out.iterdir() if entry.name not in begun)
    if held:
        raise ConfigError(f"{out} exists and holds {held[0]}: name a new folder for the ensemble")


def member_names(paths: Sequence[Path]) -> tuple[str, ...]:
    """Names of members' folders: those of their runs, numbered where two are the same."""
    names: list[str] = []
    for path in map(Path.resolve, paths):
        inside = path.parent.name == "checkpoints" and path.name in ("best", "last")
        name = (path.parents[1] if inside else path).name.lstrip(".") or "member"
        same, number = name, 1
        while name in names:
            number += 1
            name = f"{same}-{number}"
        names.append(name)
    return tuple(names)


def write_ensemble(out: Path, card: Card, members: Sequence[Predictor], split: Split) -> None:
    """Write the folder; whatever kills it, it has a card only when it is whole.

    Raises:
        CheckpointError: A member changed while it was copied.
        LockHeld: Another process writes the same folder.
    """
    if card.ensemble is None:
        raise ValueError("the card of an ensemble names its members")
    with hold(out):
        check_free(out)
        for named, member in zip(card.ensemble.members, members, strict=True):
            _copy(member, out / MEMBERS / named.name)
        write_json(out / SPLIT, split.to_json())
        write_card(out, card)


def _copy(member: Predictor, to: Path) -> None:
    source = member.folder
    files = [member.card.weights, *((NAMES, ARRAYS) if has_gallery(source) else ())]
    files += [CALIBRATION] if (source / CALIBRATION).exists() else []
    try:
        for name in files:
            write_bytes(to / name, (source / name).read_bytes())
        content = (source / CARD).read_bytes()
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{source} changed while it was copied ({error}): wait for its run to end"
        ) from error
    write_json(to / SPLIT, load_split(source).to_json())
    write_bytes(to / CARD, content)
    if read_card(to) != member.card:
        raise CheckpointError(
            f"{source} changed while it was copied: wait until its run has ended, then try again"
        )
