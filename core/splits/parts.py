"""The parts of a split, without what makes one."""

from typing import Literal, get_args

Part = Literal["train", "val", "calibrate", "test"]
PARTS: tuple[Part, ...] = get_args(Part)
PART_NAMES: dict[str, str] = {
    "train": "training", "val": "validation", "calibrate": "calibration", "test": "test",
}  # fmt: skip
"""What readers call the parts."""
