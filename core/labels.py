"""The labels that a photo may have, and in what order they are named."""

from typing import Literal, get_args

Label = Literal["position", "heading", "region"]
LABELS: tuple[Label, ...] = get_args(Label)
