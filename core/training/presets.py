"""Presets: named sets of options to begin a training with, for this many photos on this device.

`ROWS` is the whole table. What docs/experiments.md does not measure says so in its sentence.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from core.options import merged
from core.training.schema import PresetName

PRESETS: tuple[PresetName, ...] = get_args(PresetName)
TITLES: Mapping[PresetName, str] = {
    "quick": "Quick look",
    "balanced": "Balanced",
    "best": "Best",
}
FEW_PHOTOS = 500
MANY_PHOTOS = 20_000
_LITE0 = "tf_efficientnet_lite0"
_DINO = "vit_base_patch14_dinov2.lvd142m"
_FROZEN_AT_320 = {"backbone": _LITE0, "input_size": 320}


@dataclass(frozen=True)
class Row:
    """The options of a preset in one case.

    Attributes:
        preset: Which preset.
        summary: What a run with these options does, and what of it was not measured.
        options: Nested options that differ from the schema's defaults.
        below: The case holds for data sets of fewer photos; None: of any number.
        gpu: The case holds on a GPU (True), on a CPU (False), or on both (None).
    """

    preset: PresetName
    summary: str
    options: Mapping[str, Any]
    below: int | None = None
    gpu: bool | None = None


# The first row that holds is taken.
ROWS = (
    Row(
        "quick",
        "Trains nothing: the most similar training photos answer. An answer in minutes.",
        {"zero_training": True, "model": {"backbone": _LITE0, "input_size": 320}},
    ),
    Row(
        "balanced",
        "Trains a small network at 160 pixels, and searches by an untouched one too. On 275 real "
        "photos Quick look named more regions right, and positions and headings were alike.",
        {"model": {"backbone": _LITE0, "input_size": 160}, "retrieval": _FROZEN_AT_320},
        below=FEW_PHOTOS,
    ),
    Row(
        "balanced",
        "Trains a small network at 160 pixels for 20 epochs.",
        {"model": {"backbone": _LITE0, "input_size": 160}},
        below=MANY_PHOTOS,
        gpu=False,
    ),
    Row(
        "balanced",
        "Trains EfficientNet-B0 at 224 pixels for 20 epochs. Not measured on a GPU.",
        {"model": {"backbone": "efficientnet_b0", "input_size": 224}, "batch_size": 64},
        below=MANY_PHOTOS,
        gpu=True,
    ),
    Row(
        "balanced",
        "Trains a small network at 160 pixels for 8 epochs. Not measured on so many photos.",
        {"model": {"backbone": _LITE0, "input_size": 160}, "stage2": {"epochs": 8}},
        gpu=False,
    ),
    Row(
        "balanced",
        "Trains EfficientNet-B0 at 224 pixels for 8 epochs. Not measured on so many photos.",
        {
            "model": {"backbone": "efficientnet_b0", "input_size": 224},
            "batch_size": 64,
            "stage2": {"epochs": 8},
        },
    ),
    Row(
        "best",
        "Trains a small network at 224 pixels for 30 epochs, and searches by a frozen one too: "
        "takes 3 times as long as Balanced. Larger networks need a GPU. Not measured.",
        {
            "model": {"backbone": _LITE0, "input_size": 224},
            "retrieval": _FROZEN_AT_320,
            "stage2": {"epochs": 30},
        },
        gpu=False,
    ),
    Row(
        "best",
        "Trains the upper half of DINOv2 ViT-B at 224 pixels at a low rate: some 6,500 photos in "
        "about an hour on one GPU. Not measured, neither its time nor its gain.",
        {
            "model": {"backbone": _DINO, "input_size": 224},
            "stage2": {"unfreeze": 6, "lr_backbone": 3e-5, "lr_heads": 1e-3},
            "schedule": {"warmup_epochs": 2.0},
            "augment": {"mirror_probability": 0.0},
        },
        gpu=True,
    ),
)


def recommended(photos: int) -> PresetName:
    """Return the preset to begin with: on a few hundred real photos training gained nothing."""
    return "quick" if photos < FEW_PHOTOS else "balanced"


def row_of(preset: PresetName, photos: int, *, gpu: bool) -> Row:
    """Return the row of a preset for a data set of `photos` photos, on a GPU or on a CPU."""
    return next(
        row
        for row in ROWS
        if row.preset == preset
        and (row.below is None or photos < row.below)
        and row.gpu in (None, gpu)
    )


def with_preset(values: Mapping[str, Any], photos: int, *, gpu: bool) -> dict[str, Any]:
    """Return the options of `values["preset"]` with the other `values` laid on them.

    Weights that are given for the backbone also serve a frozen retrieval backbone of the same
    name, so that one local file is enough. Random weights leave the retrieval backbone out, unless
    it is given: a user without a network connection chose them.

    Args:
        values: Nested options, among them `preset`.
        photos: Photos of the data set.
        gpu: Whether a GPU trains.
    """
    begun = dict(row_of(values["preset"], photos, gpu=gpu).options)
    given = dict(values.get("retrieval") or {})
    model = merged(begun, values).get("model", {})
    weights = model.get("weights", "pretrained")
    if weights == "random" and "backbone" not in given:
        begun.pop("retrieval", None)
    result = merged(begun, values)
    retrieval = result.get("retrieval", {})
    if weights != "random" and retrieval.get("backbone") == model["backbone"]:
        result["retrieval"] = {"weights": weights} | retrieval
    return result
