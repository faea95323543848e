"""The split that a checkpoint was trained on, read without torch."""

from pathlib import Path

from core.errors import SplitError
from core.model.card import read_card
from core.runs import split_file
from core.splits.split import Split


def load_split(folder: Path) -> Split:
    """Read the split that a checkpoint was trained on: its own file, or its run's.

    Raises:
        SplitError: It is missing, damaged, or not the one that the card names.
    """
    path = split_file(folder)
    split = Split.read(path)
    if split is None:
        raise SplitError(
            f"{path} is missing, so nothing says which photos this checkpoint was trained on: copy "
            "the checkpoint folder again as a whole"
        )
    expected = read_card(folder).split.hash
    if split.hash != expected:
        raise SplitError(
            f"{path} is the split {split.hash[:12]}, but the checkpoint was trained on "
            f"{expected[:12]}: copy the checkpoint folder again as a whole"
        )
    return split
