"""Exported networks: the answers of torch's, without torch, and refused where they do not fit."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
from onnx import helper

from core.__main__ import main
from core.ensemble.make import _copy
from core.errors import CheckpointError
from core.geo import CoordinateFrame, heading_error_deg
from core.inference import onnx_export, torch_network
from core.inference.loading import load_predictor
from core.inference.onnx_export import OPSET, TOLERANCE, export_checkpoint
from core.inference.onnx_network import OnnxDescriber, OnnxNetwork
from core.labels import LABELS, Label
from core.model.backbone import normalise
from core.model.card import Card, PreprocessCard, SplitCard, read_card, write_card
from core.model.checkpoint import save_checkpoint
from core.model.network import BearingsModel
from core.model.normaliser import Normaliser
from core.model.retrieval_network import make_retrieval_network, save_retrieval_network
from core.model.schema import ModelConfig, RetrievalConfig

PHOTOS = np.random.default_rng(0).integers(0, 256, (5, 72, 72, 3), dtype=np.uint8)


def test_an_ensemble_takes_the_graphs_of_its_members(exported: Path, tmp_path: Path) -> None:
    _copy(load_predictor(exported), tmp_path / "member")
    member = load_predictor(tmp_path / "member")
    assert isinstance(member.network, OnnxNetwork)


def test_answers_are_those_of_torch(exported: Path) -> None:
    fast, slow = load_predictor(exported), load_predictor(exported, exported=False)
    assert isinstance(fast.network, OnnxNetwork)
    assert not isinstance(slow.network, OnnxNetwork)
    assert fast.fingerprint == slow.fingerprint
    for given in ({}, {"known_region": fast.regions[0], "known_heading_deg": 40.0}):
        for count in (1, 5):
            one, other = (each.predict_photos(PHOTOS[:count], **given) for each in (fast, slow))
            np.testing.assert_allclose(one.position_m, other.position_m, atol=0.01)
            np.testing.assert_allclose(
                one.region_probabilities, other.region_probabilities, atol=1e-4
            )
            assert heading_error_deg(one.heading_deg, other.heading_deg).max() < 0.1
            np.testing.assert_allclose(fast.describe(PHOTOS), slow.describe(PHOTOS), atol=1e-4)


def test_the_module_of_torch_is_there_for_attributions(exported: Path) -> None:
    predictor = load_predictor(exported)
    photos = torch.zeros(1, 3, predictor.model.input_size, predictor.model.input_size)
    assert predictor.model(photos).position.shape == (1, 2)


def modules_of_predict(checkpoint: Path, photos: Path, out: Path) -> tuple[set[str], int]:
    """Heavy packages that a new process imports to predict photos, and how many modules in all."""
    program = (
        "import sys; from core.__main__ import main; "
        f"assert main(['predict', {str(checkpoint)!r}, {str(photos)!r}, '--device', 'cpu', "
        f"'--out', {str(out)!r}]) == 0; "
        "print(len(sys.modules), *sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    count, *modules = ran.stdout.split()
    heavy = {"torch", "torchvision", "timm", "sklearn", "pandas", "scipy", "captum", "pynvml"}
    return heavy & set(modules), int(count)


def test_a_folder_of_photos_is_predicted_without_torch(exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, photo in enumerate(PHOTOS[:2]):
        cv2.imwrite(str(folder / f"{number}.png"), photo)
    heavy, modules = modules_of_predict(exported, folder, tmp_path / "out.json")
    assert heavy == set()
    assert modules <= 640
    assert len(json.loads((tmp_path / "out.json").read_text())) == 2


def test_labels_of_one_photo_are_read_without_scipy(
    exported: Path, shared_campus: Path, tmp_path: Path
) -> None:
    """They tell whether the photo is of another place."""
    photo = min((shared_campus / "images").iterdir())
    heavy, modules = modules_of_predict(exported, photo, tmp_path / "out.json")
    assert heavy == {"pandas"}
    assert modules <= 1000


def saved(folder: Path, config: ModelConfig, labels: tuple[Label, ...] = LABELS) -> Card:
    """Write an untrained network without a gallery whose anchors lie on a line."""
    torch.manual_seed(0)
    regions = ("1", "2", "3") if "region" in labels else ()
    model = BearingsModel(config, len(regions), labels).eval()
    if model.place_head is not None:
        places = np.arange(2 * config.place_anchors - 2, dtype=np.float32).reshape(-1, 2) / 10
        model.place_head.set_anchors(places, (30.0, 40.0))
    for parameter in model.parameters():  # without it answers hardly differ from photo to photo
        parameter.data.mul_(1.5)
    card = Card(
        created="2026-01-01T00:00:00+00:00",
        campus="Tiny campus",
        frame=CoordinateFrame("scaled_degrees", 1e-6, 17.0, 78.0),
        origin=(219_700.0, 143_600.0),
        regions=regions,
        region_names={},
        model=model.config,
        preprocess=PreprocessCard(
            input_size=model.input_size, mean=model.mean, std=model.std, interpolation="bicubic"
        ),
        normaliser=Normaliser((1.0, 2.0), (30.0, 40.0)),
        split=SplitCard(protocol="spot", seed=7, hash="abc"),
        labels=labels,
        command="python -m core train data --run runs/a",
    )
    return save_checkpoint(folder, model.state_dict(), card)


@pytest.mark.parametrize(
    ("backbone", "anchors", "labels"),
    [
        ("test_resnet", 9, LABELS),
        ("test_vit", 0, ("position", "region")),
        ("test_efficientnet", 9, ("position", "heading")),
    ],
)
def test_every_kind_of_head_is_exported(
    backbone: str, anchors: int, labels: tuple[Label, ...], tmp_path: Path
) -> None:
    config = ModelConfig(
        backbone=backbone, weights="random", input_size=32, place_anchors=anchors,
    )  # fmt: skip
    saved(tmp_path, config, labels)
    # It compares all answers itself, with nothing and with all known, and refuses differences.
    found = export_checkpoint(tmp_path, PHOTOS, "5 photos")
    expected = {"position": "position_m", "heading": "heading_deg", "region": "region"}
    assert found.difference.keys() == {"descriptor"} | {expected[label] for label in labels}
    assert read_card(tmp_path).exported == found
    network = load_predictor(tmp_path).network
    assert isinstance(network, OnnxNetwork)
    assert (network.anchors is None) == (anchors == 0)


def test_a_retrieval_backbone_is_exported_too(tmp_path: Path) -> None:
    config = ModelConfig(backbone="test_resnet", weights="random", input_size=32, place_anchors=0)
    card = saved(tmp_path, config)
    retrieval = make_retrieval_network(
        RetrievalConfig(backbone="test_vit", weights="random", input_size=64)
    )
    assert retrieval is not None
    save_retrieval_network(tmp_path, retrieval)
    write_card(tmp_path, card.model_copy(update={"retrieval": retrieval.card}))
    found = export_checkpoint(tmp_path, PHOTOS, "5 photos")
    assert 0.0 < found.difference["retrieval_descriptor"] < TOLERANCE["retrieval_descriptor"]
    fast, slow = load_predictor(tmp_path), load_predictor(tmp_path, exported=False)
    assert isinstance(fast.loaded.retrieval, OnnxDescriber)
    np.testing.assert_allclose(fast.describe(PHOTOS), slow.describe(PHOTOS), atol=1e-4)


def test_different_answers_are_refused_and_nothing_is_written(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "best"
    shutil.copytree(exported, folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    card = read_card(folder)
    assert card.exported is not None
    graph = card.exported.network
    # The graph that was accepted, which saves making it again.
    monkeypatch.setattr(onnx_export, "_graph", lambda *_: (before[graph.file], graph))
    assert export_checkpoint(folder, PHOTOS, "5 photos").network == graph
    write_card(folder, card)
    monkeypatch.setattr(torch_network, "normalise", lambda *given: normalise(*given) + 0.5)
    with pytest.raises(CheckpointError, match=r"differ from torch's.*nothing was written"):
        export_checkpoint(folder, PHOTOS, "5 photos")
    after = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    assert before == after


def test_a_damaged_graph_is_refused_by_name(exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "best"
    shutil.copytree(exported, folder)
    (graph,) = folder.glob("network-*.onnx")
    whole = graph.read_bytes()
    graph.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(CheckpointError, match=f"{graph.name} is damaged"):
        load_predictor(folder)
    graph.unlink()
    with pytest.raises(CheckpointError, match=f"{graph.name} cannot be read"):
        load_predictor(folder)


def reading(location: str) -> bytes:
    """A graph that answers with the first bytes of a file."""
    taken = onnx.TensorProto(name="w", data_type=onnx.TensorProto.UINT8, dims=[5],
                             data_location=onnx.TensorProto.EXTERNAL)  # fmt: skip
    taken.external_data.add(key="location", value=location)
    output = helper.make_tensor_value_info("features", onnx.TensorProto.UINT8, [5])
    graph = helper.make_graph(
        [helper.make_node("Identity", ["w"], ["features"])], "g", [], [output], [taken]
    )
    opsets = [helper.make_opsetid("", OPSET)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()


@pytest.mark.parametrize(
    "graph", [b"no graph at all", reading("../secret.bin"), reading("/etc/hostname")],
    ids=["damaged", "file", "path"],
)  # fmt: skip
def test_a_graph_that_is_none_of_these_weights_is_refused(
    graph: bytes, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "best"
    shutil.copytree(exported, folder)
    (tmp_path / "secret.bin").write_bytes(b"hello")
    monkeypatch.chdir(tmp_path)
    name = f"network-{hashlib.sha256(graph).hexdigest()[:16]}.onnx"
    (folder / name).write_bytes(graph)
    card = read_card(folder)
    assert card.exported is not None
    network = card.exported.network.model_copy(update={"file": name})
    export = card.exported.model_copy(update={"network": network})
    write_card(folder, card.model_copy(update={"exported": export}))
    with pytest.raises(CheckpointError, match=f"{name} does not fit the weights"):
        load_predictor(folder)


def test_a_graph_of_another_network_is_not_used(exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "best"
    shutil.copytree(exported, folder)
    card = read_card(folder)
    preprocess = card.preprocess.model_copy(update={"mean": (0.1, 0.2, 0.3)})
    write_card(folder, card.model_copy(update={"preprocess": preprocess}))
    assert not isinstance(load_predictor(folder, calibrated=False).network, OnnxNetwork)


def test_training_further_drops_the_graph(exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "best"
    shutil.copytree(exported, folder)
    predictor = load_predictor(folder)
    state = {name: each * 1.1 for name, each in predictor.model.state_dict().items()}
    save_checkpoint(folder, state, predictor.card)
    assert read_card(folder).exported is None
    assert not list(folder.glob("*.onnx"))


def test_a_bundle_brings_the_graph(exported: Path, tmp_path: Path) -> None:
    assert main(["export", str(exported), "--out", str(tmp_path / "a.zip")]) == 0
    assert main(["import", str(tmp_path / "a.zip"), "--out", str(tmp_path / "b")]) == 0
    assert isinstance(load_predictor(tmp_path / "b").network, OnnxNetwork)


def test_data_without_onnx_is_a_wrong_command(
    checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(checkpoint), "--data", "somewhere"]) == 1
    assert "add --onnx" in capsys.readouterr().err


def test_a_model_without_photos_to_compare_asks_for_its_data(
    checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(checkpoint), "--onnx"]) == 1
    assert "name the dataset folder" in capsys.readouterr().err


def drop_output(graph: onnx.GraphProto) -> None:
    graph.output.remove(next(each for each in graph.output if each.name == "descriptor"))


def rename_features(graph: onnx.GraphProto) -> None:
    """Free the name `features` for what a test computes in its place."""
    for node in graph.node:
        node.input[:] = ["kept" if name == "features" else name for name in node.input]
        node.output[:] = ["kept" if name == "features" else name for name in node.output]


def other_output(graph: onnx.GraphProto) -> None:
    """The two columns of a position as features."""
    rename_features(graph)
    graph.node.append(helper.make_node("Identity", ["position"], ["features"]))


def other_shape(graph: onnx.GraphProto) -> None:
    """A step that only fails as it is computed, when the number of photos is known."""
    rename_features(graph)
    graph.initializer.append(onnx.numpy_helper.from_array(np.array([7]), "seven"))
    graph.node.append(helper.make_node("Reshape", ["kept", "seven"], ["features"]))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (drop_output, "no output descriptor"),
        (other_output, "features of shape"),
        (other_shape, "Reshape"),
    ],
)
def test_a_graph_that_computes_something_else_is_refused(
    spoil: Callable[[onnx.GraphProto], None], words: str, exported: Path, tmp_path: Path
) -> None:
    shutil.copytree(exported, tmp_path / "copy")
    graph = next((tmp_path / "copy").glob("*.onnx"))
    model = onnx.load(graph, load_external_data=False)
    spoil(model.graph)
    put_graph(graph, model.SerializeToString())
    with pytest.raises(CheckpointError, match=f"graph .*{words}"):
        load_predictor(tmp_path / "copy").predict_photos(PHOTOS[:2])


def test_a_name_in_a_graph_that_is_no_text_is_refused(exported: Path, tmp_path: Path) -> None:
    shutil.copytree(exported, tmp_path / "copy")
    graph = next((tmp_path / "copy").glob("*.onnx"))
    put_graph(graph, graph.read_bytes().replace(b"Conv", b"\xffonv"))
    with pytest.raises(CheckpointError, match="graph "):
        load_predictor(tmp_path / "copy").predict_photos(PHOTOS[:2])


def put_graph(graph: Path, content: bytes) -> None:
    """Put other content in the place of a graph, under the name that it gives."""
    name = f"network-{hashlib.sha256(content).hexdigest()[:16]}.onnx"
    card = graph.parent / "card.json"
    card.write_text(card.read_text().replace(graph.name, name))
    graph.unlink()
    (graph.parent / name).write_bytes(content)
