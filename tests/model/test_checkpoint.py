"""Checkpoints: the same answers after a reload, and clear words about damage."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from core.errors import CheckpointError
from core.geo import CoordinateFrame
from core.model.card import Card, PreprocessCard, SplitCard, read_card
from core.model.checkpoint import load_checkpoint, save_checkpoint
from core.model.network import BearingsModel
from core.model.normaliser import Normaliser
from core.model.schema import BEFORE_PLACES, ModelConfig

CONFIG = ModelConfig(backbone="test_vit", weights="random", input_size=32, place_anchors=0)


def _card(model: BearingsModel, regions: tuple[str, ...] = ("1", "2", "north")) -> Card:
    return Card(
        created="2026-01-01T00:00:00+00:00",
        campus="Tiny campus",
        frame=CoordinateFrame("scaled_degrees", 1e-6, 17.0, 78.0),
        origin=(219_700.0, 143_600.0),
        regions=regions,
        region_names={"1": "Gate"},
        model=model.config,
        preprocess=PreprocessCard(
            input_size=model.input_size, mean=model.mean, std=model.std, interpolation="bicubic"
        ),
        normaliser=Normaliser((1.0, 2.0), (30.0, 40.0)),
        split=SplitCard(protocol="spot", seed=7, hash="abc"),
        command="python -m core train data --run runs/a",
    )


@pytest.fixture
def model() -> BearingsModel:
    torch.manual_seed(0)
    return BearingsModel(CONFIG, 3).eval()


@pytest.fixture
def folder(model: BearingsModel, tmp_path: Path) -> Path:
    save_checkpoint(tmp_path / "best", model.state_dict(), _card(model))
    return tmp_path / "best"


def _edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads((folder / "card.json").read_text())
    change(content)
    (folder / "card.json").write_text(json.dumps(content))


def test_card_and_answers_survive_a_reload(model: BearingsModel, folder: Path) -> None:
    checkpoint = load_checkpoint(folder)
    written = _card(model).model_dump(exclude={"weights"})
    assert checkpoint.card.model_dump(exclude={"weights"}) == written
    images = torch.randn(4, 3, 32, 32)
    assert torch.equal(checkpoint.model(images).position, model(images).position)
    assert not checkpoint.model.training


def test_the_local_frame_of_the_card_gives_metres(folder: Path) -> None:
    frame = read_card(folder).local_frame
    assert frame.to_metres([[219_700.0, 143_600.0]]).tolist() == [[0.0, 0.0]]


def test_half_precision_halves_the_file_and_loads_as_float32(
    model: BearingsModel, folder: Path, tmp_path: Path
) -> None:
    small = tmp_path / "small"
    card = save_checkpoint(small, model.state_dict(), _card(model), dtype="float16")
    whole = (folder / read_card(folder).weights).stat().st_size
    assert (small / card.weights).stat().st_size < 0.6 * whole
    again = load_checkpoint(small).model
    assert {p.dtype for p in again.parameters()} == {torch.float32}
    images = torch.randn(4, 3, 32, 32)
    torch.testing.assert_close(again(images).position, model(images).position, atol=0.02, rtol=0.02)


def test_what_float16_cannot_hold_stays_float32(model: BearingsModel, tmp_path: Path) -> None:
    with torch.no_grad():
        model.latitude_head[0].bias.fill_(1e6)  # type: ignore[operator, union-attr]
    save_checkpoint(tmp_path / "a", model.state_dict(), _card(model), dtype="float16")
    again = load_checkpoint(tmp_path / "a").model
    assert again.state_dict()["latitude_head.0.bias"].tolist() == [1e6] * 128


def test_a_new_save_replaces_the_old_weights(model: BearingsModel, folder: Path) -> None:
    old = read_card(folder).weights
    with torch.no_grad():
        model.region_embedding.weight.add_(1.0)
    new = save_checkpoint(folder, model.state_dict(), _card(model)).weights
    assert old != new
    assert [path.name for path in folder.glob("*.safetensors")] == [new]


@pytest.mark.trap(name="files read half written")
def test_a_kill_between_weights_and_card_leaves_the_old_checkpoint(
    model: BearingsModel, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = load_checkpoint(folder).model.state_dict()

    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("core.model.checkpoint.write_card", killed)
    with torch.no_grad():
        model.region_embedding.weight.add_(1.0)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(folder, model.state_dict(), _card(model))
    after = load_checkpoint(folder).model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_reading_a_card_needs_no_torch(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from core.model.card import read_card; "
        f"read_card(Path({str(folder)!r})); "
        "import core.training.schema, core.training.run_folder; "
        "sys.exit(any(name in sys.modules for name in ('torch', 'timm', 'accelerate')))"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], cwd=root, env=os.environ, check=True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda card: card.update(schema_version=0), "older"),
        (lambda card: card.update(schema_version=99), "newer"),
        (lambda card: card.pop("schema_version"), "schema_version is missing"),
        (lambda card: card.pop("normaliser"), "normaliser is required"),
        (lambda card: card["model"].update(backbone_age=3), "backbone_age"),
        (lambda card: card["frame"].update(kind="elliptic"), r"frame\.kind"),
        (lambda card: card["normaliser"].update(spread=[1.0, 0.0]), "normaliser"),
        (lambda card: card.update(origin=[float("nan"), 0.0]), "origin"),
        (lambda card: card["preprocess"].update(input_size=-1), r"preprocess\.input_size"),
        (lambda card: card["preprocess"].update(input_size=100_000), r"preprocess\.input_size"),
        (lambda card: card["preprocess"].update(std=[0.2, 0.0, 0.2]), r"preprocess\.std"),
        (lambda card: card["preprocess"].update(mean=[float("nan")] * 3), r"preprocess\.mean"),
    ],
)
def test_a_damaged_card_is_named_with_its_key(
    folder: Path, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    _edit(folder, change)
    with pytest.raises(CheckpointError, match=words) as caught:
        load_checkpoint(folder)
    assert str(folder / "card.json") in str(caught.value)


def test_a_torn_card_is_an_error_of_the_checkpoint(folder: Path) -> None:
    card = folder / "card.json"
    card.write_text(card.read_text()[:200])
    with pytest.raises(CheckpointError, match="is damaged"):
        read_card(folder)


def test_torn_weights_are_noticed(folder: Path) -> None:
    weights = folder / read_card(folder).weights
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(CheckpointError, match="damaged"):
        load_checkpoint(folder)


def test_weights_that_are_no_numbers_are_refused(model: BearingsModel, tmp_path: Path) -> None:
    state = model.state_dict()
    name = next(name for name, _ in model.named_parameters())
    state[name] = torch.full_like(state[name], float("nan"))
    save_checkpoint(tmp_path / "best", state, _card(model))
    with pytest.raises(CheckpointError, match="not finite"):
        load_checkpoint(tmp_path / "best")


def test_missing_weights_are_named(folder: Path) -> None:
    weights = read_card(folder).weights
    (folder / weights).unlink()
    with pytest.raises(CheckpointError, match=weights):
        load_checkpoint(folder)


def test_weights_of_another_folder_are_refused(folder: Path) -> None:
    card = folder / "card.json"
    weights = read_card(folder).weights
    card.write_text(card.read_text().replace(weights, f"../{weights}"))
    with pytest.raises(CheckpointError, match="weights"):
        read_card(folder)


def test_weights_of_another_model_do_not_fit(model: BearingsModel, folder: Path) -> None:
    save_checkpoint(folder, model.state_dict(), _card(model, ("1", "2", "3", "4")))
    with pytest.raises(CheckpointError, match="region_embedding"):
        load_checkpoint(folder)


def test_no_checkpoint_and_no_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no card\.json"):
        read_card(tmp_path)
    with pytest.raises(CheckpointError, match="no checkpoint folder"):
        read_card(tmp_path / "nowhere")


def test_a_card_from_before_places_keeps_its_regression_heads(folder: Path) -> None:
    def forget(card: dict[str, Any]) -> None:
        for name in BEFORE_PLACES:
            del card["model"][name]

    _edit(folder, forget)
    model = read_card(folder).model
    assert {name: getattr(model, name) for name in BEFORE_PLACES} == BEFORE_PLACES
