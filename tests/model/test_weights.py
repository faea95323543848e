"""Weights files: what fits is loaded whole, what does not is listed."""

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from core.errors import CheckpointError, ConfigError
from core.model.backbone import check_network_finite, read_weights
from core.model.network import BearingsModel, build_model
from core.model.schema import ModelConfig

SHARED = Path(__file__).parents[3] / "shared" / "weights" / "mobilenetv2_100_imagenet.safetensors"
REGIONS = ("1", "2")


def _build(backbone: str, weights: Path | str, size: int = 32) -> BearingsModel:
    return build_model(
        ModelConfig(backbone=backbone, weights=str(weights), input_size=size, place_anchors=0),
        REGIONS,
    )


def _published(backbone: str, **changes: object) -> dict[str, torch.Tensor]:
    """A weights file as timm publishes it, with its classifier."""
    torch.manual_seed(5)
    return dict(timm.create_model(backbone, pretrained=False, **changes).state_dict())


@pytest.mark.parametrize("backbone", ["test_resnet", "test_vit", "test_efficientnet"])
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_published_file_is_loaded_without_its_classifier(
    backbone: str, suffix: str, tmp_path: Path
) -> None:
    published, path = _published(backbone), tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save({"state_dict": published, "epoch": 3}, path)
    else:
        save_file(published, path)
    size = timm.get_pretrained_cfg(backbone).input_size[-1]  # type: ignore[union-attr]
    loaded = _build(backbone, path, size).backbone.state_dict()
    assert all(torch.equal(value, published[name]) for name, value in loaded.items())
    assert len(published) - len(loaded) == 2


def test_position_embeddings_are_resampled_to_another_input_size(tmp_path: Path) -> None:
    path = tmp_path / "vit.safetensors"
    save_file(_published("vit_tiny_patch16_224"), path)
    model = _build("vit_tiny_patch16_224", path, 64)
    assert model.backbone.pos_embed.shape == (1, 17, 192)  # type: ignore[union-attr]
    assert model(torch.zeros(1, 3, 64, 64)).position.isfinite().all()


def test_mismatches_are_counted_and_listed(tmp_path: Path) -> None:
    published = _published("test_resnet")
    published["stem.extra"] = torch.zeros(1)
    published["bn1.weight"] = torch.zeros(2, 3)
    lost = next(name for name in published if name.startswith("layer2") and "weight" in name)
    del published[lost]
    path = tmp_path / "weights.safetensors"
    save_file(published, path)
    with pytest.raises(CheckpointError) as caught:
        _build("test_resnet", path)
    told = str(caught.value)
    assert f"1 missing ({lost})" in told
    assert "1 unexpected (stem.extra)" in told
    assert "1 of another shape (bn1.weight (2, 3) instead of" in told
    assert str(path) in told


def test_a_file_of_another_family_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file(_published("test_resnet"), path)
    with pytest.raises(CheckpointError, match=r"missing \(.*and \d+ more\)"):
        _build("test_vit", path)


def test_code_in_a_weights_file_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"state_dict": Path("x")}, path)
    with pytest.raises(CheckpointError, match="cannot be read"):
        _build("test_resnet", path)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_damaged_file_is_named(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(b"no weights at all")
    with pytest.raises(CheckpointError, match="weights"):
        _build("test_resnet", path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no weights file at"):
        _build("test_resnet", tmp_path / "none.safetensors")


@pytest.fixture
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))


@pytest.mark.usefixtures("_offline")
def test_pretrained_without_a_network_says_what_to_do() -> None:
    with pytest.raises(CheckpointError, match=r"--model\.weights FILE"):
        _build("resnet10t", "pretrained")


@pytest.mark.usefixtures("_offline")
@pytest.mark.parametrize("backbone", ["resnet_of_nobody", "resnet10t_of_nobody.tag"])
def test_unknown_names_are_errors_before_any_download(backbone: str) -> None:
    with pytest.raises(ConfigError, match=backbone):
        build_model(ModelConfig(backbone=backbone, weights="pretrained", place_anchors=0), REGIONS)


def test_unknown_backbones_suggest_near_names() -> None:
    with pytest.raises(ConfigError, match="resnet18"):
        _build("resnet19", "random")


def test_impossible_arguments_are_explained() -> None:
    with pytest.raises(ConfigError, match="drop_path_rate"):
        build_model(
            ModelConfig(
                backbone="vgg11",
                weights="random",
                backbone_arguments={"drop_path_rate": 0.1},
                input_size=32,
                place_anchors=0,
            ),
            REGIONS,
        )


@pytest.mark.skipif(not SHARED.exists(), reason=f"no {SHARED}")
def test_the_shared_mobilenet_weights_are_loaded_whole() -> None:
    published = load_file(SHARED)
    loaded = _build("mobilenetv2_100", SHARED, 64).backbone.state_dict()
    assert all(torch.equal(value, published[name]) for name, value in loaded.items())
    with pytest.raises(CheckpointError, match="mobilenetv2_100_imagenet"):
        _build("resnet18", SHARED, 64)


# torch warns of some of what it then refuses.
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_altered_file_is_refused_whatever_torch_raises(tmp_path: Path) -> None:
    whole = tmp_path / "whole.pth"
    torch.save({"weight": torch.arange(6.0)}, whole, _use_new_zipfile_serialization=False)
    content = whole.read_bytes()
    rng = np.random.default_rng(0)
    path = tmp_path / "weights.pth"
    refused = 0
    for _ in range(300):
        altered = bytearray(content)
        for place in rng.integers(0, len(content), 4):
            altered[place] = rng.integers(0, 256)
        path.write_bytes(altered)
        try:
            read_weights(path)
        except CheckpointError:
            refused += 1
    assert refused > 100


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_that_are_not_finite_are_refused_buffers_included(
    suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"weights{suffix}"
    state = {"bn.running_var": torch.tensor([1.0, float("inf")]), "bn.steps": torch.tensor([3])}
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    with pytest.raises(CheckpointError, match=r"not finite \(bn\.running_var\)"):
        read_weights(path)


def test_statistics_of_layers_are_finite_and_anchors_without_a_place_need_not_be() -> None:
    network = torch.nn.BatchNorm1d(2)
    network.register_buffer("anchors", torch.full((2, 2), float("nan")))
    check_network_finite(network, Path("best"))
    network.running_var.fill_(float("nan"))
    with pytest.raises(CheckpointError, match=r"best hold numbers .* \(running_var\)"):
        check_network_finite(network, Path("best"))
