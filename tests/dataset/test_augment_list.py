"""Augmentation is a closed list: no ready policy slips a rotation, a shear or a shift in."""

import ast
from pathlib import Path

import pytest

import core.dataset
from core.dataset.augment_schema import AugmentConfig

STEPS = {
    "crop", "roll", "rotation_rule", "perspective", "colour", "brightness", "contrast",
    "saturation", "hue", "white_balance", "blur", "noise", "erasing", "mirror", "vertical_flip",
}  # fmt: skip


@pytest.mark.trap(name="policies that bring rotations, shears and shifts along (RandAugment)")
def test_augmentation_is_a_closed_list() -> None:
    strangers = {
        name
        for name in AugmentConfig.model_fields
        if not any(name == step or name.startswith(f"{step}_") for step in STEPS)
    }
    assert strangers == set()


def test_no_ready_policy_is_imported() -> None:
    folder = Path(core.dataset.__file__).parent
    imported = {
        alias.name
        for path in folder.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    } | {
        str(node.module)
        for path in folder.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
    }
    assert not {name for name in imported if name.split(".")[0] in {"torchvision", "timm"}}
