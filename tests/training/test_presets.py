"""Presets: which options they set for which data and device, and what wins over them."""

import argparse
from pathlib import Path
from typing import Any

import pytest

from core.cli.flags import chosen
from core.cli.train import COMMAND, SHORT, of_preset
from core.errors import ConfigError
from core.jobs import devices
from core.training.presets import (
    FEW_PHOTOS,
    MANY_PHOTOS,
    PRESETS,
    ROWS,
    recommended,
    row_of,
    with_preset,
)
from core.training.schema import TrainConfig


def options_of(preset: str, photos: int = 100, gpu: bool = False, **given: Any) -> TrainConfig:  # noqa: ANN401
    values = {"dataset": "d", "run": "r", "preset": preset, **given}
    return TrainConfig.model_validate(with_preset(values, photos, gpu=gpu))


@pytest.mark.parametrize("gpu", [False, True])
@pytest.mark.parametrize("photos", [1, FEW_PHOTOS, 6500, MANY_PHOTOS])
def test_every_preset_has_valid_options_for_every_size_and_device(photos: int, gpu: bool) -> None:
    for preset in PRESETS:
        config = options_of(preset, photos, gpu)
        assert config.preset == preset
        assert config.augment.mirror_probability == 0, "a mirrored photo shows no real place"
        # What the row sets is what the run gets.
        assert row_of(preset, photos, gpu=gpu).options["model"]["backbone"] == config.model.backbone


def test_no_row_is_hidden_by_an_earlier_one() -> None:
    sizes = (1, FEW_PHOTOS, MANY_PHOTOS)
    reached = {
        id(row_of(preset, photos, gpu=gpu))
        for preset in PRESETS
        for photos in sizes
        for gpu in (False, True)
    }
    assert reached == {id(row) for row in ROWS}


def test_a_quick_look_trains_nothing_and_few_photos_are_also_searched_by_a_frozen_network() -> None:
    assert options_of("quick").planned_epochs == 0
    assert [recommended(n) for n in (FEW_PHOTOS - 1, FEW_PHOTOS)] == ["quick", "balanced"]
    assert options_of("balanced", FEW_PHOTOS - 1).retrieval.input_size == 320
    assert options_of("balanced", FEW_PHOTOS).retrieval.backbone is None
    assert options_of("best", gpu=True).stage2.unfreeze == 6


def test_options_given_beside_a_preset_win() -> None:
    config = options_of("balanced", model={"input_size": "96"}, stage2={"epochs": "3"})
    assert (config.model.input_size, config.stage2.epochs) == (96, 3)
    assert config.model.backbone == options_of("balanced").model.backbone


def test_one_local_file_serves_both_networks_and_random_weights_need_no_download() -> None:
    local = options_of("balanced", model={"weights": "lite0.safetensors"})
    assert local.retrieval.weights == local.model.weights == "lite0.safetensors"
    other = options_of("balanced", model={"weights": "r.pth", "backbone": "resnet18"})
    assert other.retrieval.weights == "pretrained"
    assert options_of("balanced", model={"weights": "random"}).retrieval.backbone is None
    kept = options_of("balanced", model={"weights": "random"}, retrieval={"backbone": "resnet18"})
    assert kept.retrieval.backbone == "resnet18"


def from_command_line(*words: str) -> TrainConfig:
    parser = argparse.ArgumentParser()
    COMMAND.add(parser)
    arguments = parser.parse_args(words)
    return chosen(
        arguments, TrainConfig, "train", SHORT, begin=lambda given: of_preset("local", given)
    )


def test_the_run_records_the_preset_and_the_command_that_needs_no_preset(
    shared_campus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "gpus", lambda: ())
    words = (str(shared_campus), "--run", "r", "--preset", "balanced", "--epochs", "3")
    config = from_command_line(*words)
    assert (config.preset, config.stage2.epochs) == ("balanced", 3)
    assert config.model.backbone == row_of("balanced", 1, gpu=False).options["model"]["backbone"]
    assert "--preset" not in config.command
    again = from_command_line(*config.command.split()[4:])
    assert again.model_copy(update={"preset": "balanced"}) == config


def test_a_preset_is_refused_where_it_could_not_hold(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"dataset": "d", "run": "r"}', encoding="utf-8")
    with pytest.raises(ConfigError, match="leave out --config"):
        from_command_line("--config", str(file), "--preset", "best")
