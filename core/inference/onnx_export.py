"""The network of a checkpoint as ONNX, checked against torch: answers without torch, and faster.

Only graphs are written; weights stay in the files that the checkpoint has (`onnx_network`).
"""

import hashlib
import warnings
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.dataset.decode import Pixels, decode_photo
from core.dataset.labels import read_dataset
from core.errors import CheckpointError, ConfigError
from core.files import write_bytes
from core.geo import distance_m, heading_error_deg, heading_from_unit
from core.inference.known import KnownMetadata
from core.inference.network import (
    Describer,
    Network,
    NetworkOutputs,
    describe_whole,
    run_in_crops,
)
from core.inference.onnx_network import (
    HEADING,
    OUTPUTS,
    PHOTOS,
    REGION,
    OnnxDescriber,
    OnnxNetwork,
    columns_of,
    make_session,
    read_weights,
)
from core.inference.torch_network import TorchNetwork
from core.model.card import MEMBERS, Card, ExportCard, GraphCard, read_card, write_card
from core.model.checkpoint import load_checkpoint
from core.model.descriptor import describe_images
from core.model.network import BearingsModel
from core.model.retrieval_network import RetrievalNetwork, load_retrieval_network
from core.runs import find_checkpoint, split_file, trained_dataset
from core.splits.split import Split

OPSET = 20
TOLERANCE: Mapping[str, float] = {
    "region": 1e-4,
    "position_m": 0.01,
    "heading_deg": 0.1,
    "descriptor": 1e-4,
    "retrieval_descriptor": 1e-4,
}
"""Largest differences from torch's answers that are accepted."""
_BATCH = 64
_CHECKED = 128
_MOST_PHOTOS = 65_536


def export_model_as_onnx(path: Path, data: Path | None = None) -> Iterator[tuple[Path, ExportCard]]:
    """Export each network of a run, a checkpoint or an ensemble; see `export_checkpoint`.

    Args:
        path: The run, checkpoint or ensemble.
        data: The data set that it was trained on; by default the one that its run names.

    Yields:
        A checkpoint folder, and what its card says now.

    Raises:
        CheckpointError: As `export_checkpoint`.
        ConfigError: No data set is named, or it holds no validation photo of the model.
        LabelError, SplitError: The data set, or the model's split, cannot be read.
    """
    folder = find_checkpoint(path)
    about = read_card(folder).ensemble
    places = [folder] if about is None else [folder / MEMBERS / each.name for each in about.members]
    root = data or trained_dataset(path)
    table = read_dataset(root, allow_missing=True).table
    part_of = Split.read(split_file(places[0])) if split_file(places[0]).is_file() else None
    parts = {} if part_of is None else part_of.parts
    held_out = [
        file
        for name, file in zip(table["photo_id"], table["path"], strict=True)
        if parts.get(name) == "val" and Path(file).is_file()
    ]
    if not held_out:
        raise ConfigError(
            f"{root} holds no validation photo of {path}: name its data set by --data"
        )
    chosen = held_out[:: -(-len(held_out) // _CHECKED)]
    for place in places:
        card = read_card(place).preprocess
        size = card.store_size or card.input_size
        photos = np.stack([decode_photo(Path(file), size=size)[0] for file in chosen])
        yield place, export_checkpoint(place, photos, f"{len(chosen):,} validation photos")


def export_checkpoint(folder: Path, photos: Pixels, checked_on: str) -> ExportCard:
    """Write the network of a checkpoint as ONNX beside its weights, and say so in its card.

    Args:
        folder: A checkpoint folder, not an ensemble's.
        photos: `(n, s, s, 3)` uint8 of any size, on which answers are compared with torch's.
        checked_on: What these photos are, in words.

    Returns:
        What the card says now.

    Raises:
        CheckpointError: The checkpoint cannot be read; ONNX has no operation for a layer of its
            backbone; or answers differ from torch's by more than `TOLERANCE`. Nothing is written
            then.
    """
    checkpoint = load_checkpoint(folder)
    card, network = checkpoint.card, TorchNetwork(checkpoint.model)
    size = card.preprocess.input_size
    content, graph = _graph(_Answers(checkpoint.model), size, card.model.backbone, network)
    weights = read_weights(folder / card.weights)
    session = make_session(content, graph, weights, folder)
    found = OnnxNetwork(graph, session, folder, network.anchors, columns_of(card, graph))
    difference = _difference(card, network, found, photos)
    files, further = {graph.file: content}, None
    retrieval = load_retrieval_network(folder, card.retrieval, "cpu")
    if retrieval is not None:
        size, name = retrieval.card.preprocess.input_size, retrieval.card.backbone
        content, further = _graph(_Descriptors(retrieval), size, name, retrieval)
        files[further.file] = content
        weights = read_weights(folder / retrieval.card.weights)
        session = make_session(content, further, weights, folder)
        describer = OnnxDescriber(further, session, folder, retrieval.card)
        apart = _apart(describe_whole(retrieval, photos), describe_whole(describer, photos))
        difference["retrieval_descriptor"] = apart
    _check(difference, folder)
    exported = ExportCard(
        network=graph,
        retrieval=further,
        key=card.export_key,
        opset=OPSET,
        checked_on=checked_on,
        difference=difference,
        versions={name: version(name) for name in ("torch", "onnx", "onnxruntime")},
    )
    for file, content in files.items():
        write_bytes(folder / file, content)
    write_card(folder, card.model_copy(update={"exported": exported}))
    for stale in folder.glob("network-*.onnx"):
        if stale.name not in files:
            stale.unlink()
    return exported


class _Answers(nn.Module):
    """Photos, regions and headings to the outputs of a network."""

    def __init__(self, model: BearingsModel) -> None:
        super().__init__()
        self.model = model
        # A graph has no input that none of its outputs depends on.
        known = {REGION: "region" in model.labels, HEADING: "heading" in model.labels}
        self.inputs = (PHOTOS, *(name for name, needed in known.items() if needed))

    def forward(
        self, photos: Tensor, region: Tensor | None, heading: Tensor | None
    ) -> dict[str, Tensor]:
        features, descriptor = self.model.describe(_normalised(photos, self.model))
        found = self.model.heads(features, region, heading)
        values = (
            found.region_logits, found.position, found.heading, features, descriptor,
            found.place_logits,
        )  # fmt: skip
        # An output needs a name of its own, where it is the same tensor as another one too.
        return {
            name: each.float().clone()
            for name, each in zip(OUTPUTS, values, strict=True)
            if each is not None
        }


class _Descriptors(nn.Module):
    """Photos to descriptors."""

    inputs = (PHOTOS,)

    def __init__(self, network: RetrievalNetwork) -> None:
        super().__init__()
        self.network = network
        self.model = network.backbone

    def forward(
        self, photos: Tensor, region: Tensor | None, heading: Tensor | None
    ) -> dict[str, Tensor]:
        images = _normalised(photos, self.network.card.preprocess)
        return {"descriptor": describe_images(self.model, images, self.network.stage)[1].float()}


class _Statistics(Protocol):
    @property
    def mean(self) -> tuple[float, ...]: ...

    @property
    def std(self) -> tuple[float, ...]: ...


def _normalised(photos: Tensor, statistics: _Statistics) -> Tensor:
    """As `core.model.backbone.normalise`, of a tensor."""
    mean = torch.tensor(statistics.mean).view(1, 3, 1, 1) * 255.0
    std = torch.tensor(statistics.std).view(1, 3, 1, 1) * 255.0
    return (photos.permute(0, 3, 1, 2).float() - mean) / std


def _graph(
    module: _Answers | _Descriptors, size: int, backbone: str, about: Network | Describer
) -> tuple[bytes, GraphCard]:
    """The graph of a module for any number of photos of a size, without its weights.

    Raises:
        CheckpointError: ONNX has no operation for a layer.
    """
    example = {
        PHOTOS: torch.zeros((2, size, size, 3), dtype=torch.uint8),
        REGION: torch.full((2,), -1),
        HEADING: torch.full((2, 2), torch.nan),
    }
    photos = torch.export.Dim("photos", min=1, max=_MOST_PHOTOS)
    arguments = [each if name in module.inputs else None for name, each in example.items()]
    module.eval()
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                module,
                tuple(arguments),
                input_names=list(module.inputs),
                output_names=list(module(*arguments)),
                dynamic_shapes=[None if each is None else {0: photos} for each in arguments],
                opset_version=OPSET,
                dynamo=True,
                optimize=False,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        raise CheckpointError(
            f"{backbone} cannot be exported: ONNX has no operation for one of its layers "
            f"({str(error).strip().splitlines()[-1]}); predictions go on with torch"
        ) from error
    if program is None:
        raise RuntimeError("torch.onnx.export gave no program")
    state = module.model.state_dict()
    content, used = _without_weights(program.model_proto, state)
    name = f"network-{hashlib.sha256(content).hexdigest()[:16]}.onnx"
    unused = tuple(sorted(_floats(state).keys() - used))
    return content, GraphCard(file=name, widths=about.widths, parts=about.parts, unused=unused)


def _floats(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights that a graph may need; integers are counters of training."""
    return {name: each for name, each in state.items() if each.is_floating_point()}


def _without_weights(
    model: onnx.ModelProto, state: Mapping[str, Tensor]
) -> tuple[bytes, frozenset[str]]:
    """The graph with its weights outside, under their names in the checkpoint; those it uses."""
    graph, weights = model.graph, _floats(state)
    used = frozenset(_weight(each) for node in graph.node for each in node.input) & weights.keys()
    inside = [each for each in graph.initializer if _weight(each.name) not in weights]
    del graph.initializer[:]
    graph.initializer.extend(inside)
    for name in sorted(used):
        outside = graph.initializer.add(
            name=name,
            data_type=onnx.TensorProto.FLOAT,
            dims=weights[name].shape,
            data_location=onnx.TensorProto.EXTERNAL,
        )
        outside.external_data.add(key="location", value="weights")
    for node in graph.node:
        for place, given in enumerate(node.input):
            if _weight(given) in weights:
                node.input[place] = _weight(given)
        # Stack traces name files of this machine.
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*graph.input, *graph.output, *graph.value_info):
        del value.metadata_props[:]
    del graph.metadata_props[:], model.metadata_props[:]
    return bytes(model.SerializeToString(deterministic=True)), frozenset(used)


def _weight(name: str) -> str:
    """The name in the checkpoint of a weight of the graph; other values are called otherwise."""
    return name.removeprefix("model.") if name.startswith("model.") else ""


def _difference(
    card: Card, network: Network, exported: Network, photos: Pixels
) -> dict[str, float]:
    """Largest differences between the answers of two networks, with nothing and with all known."""
    n = len(photos)
    rows = np.arange(n)
    nothing = KnownMetadata.of(n, card.labels, card.regions, None, None)
    region = rows % max(1, len(card.regions))
    cases = (nothing, KnownMetadata(region, np.asarray(rows * 47.0 % 360.0, np.float64)))
    largest: dict[str, float] = {}
    for known in cases:
        for start in range(0, n, _BATCH):
            part = slice(start, start + _BATCH)
            one, other = (
                run_in_crops(card, each, photos[part], known.rows(part))
                for each in (network, exported)
            )
            for name, value in _differences(card, one, other).items():
                largest[name] = max(value, largest.get(name, 0.0))
    return largest


def _differences(card: Card, one: NetworkOutputs, other: NetworkOutputs) -> dict[str, float]:
    found = {"descriptor": _apart(one.descriptor, other.descriptor)}
    if "region" in card.labels:
        found["region"] = float(np.abs(one.probabilities - other.probabilities).max())
    if "position" in card.labels:
        metres = [card.normaliser.to_metres(each.position) for each in (one, other)]
        found["position_m"] = float(distance_m(*metres).max())
    if "heading" in card.labels:
        turned = [heading_from_unit(each.heading) for each in (one, other)]
        found["heading_deg"] = float(heading_error_deg(*turned).max())
    return found


def _apart(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Largest distance of descriptors, as a share of their length."""
    length = np.linalg.norm(one, axis=1)
    return float((np.linalg.norm(one - other, axis=1) / np.maximum(length, 1e-12)).max())


def _check(difference: Mapping[str, float], folder: Path) -> None:
    wrong = [
        f"{name} {value:.2g} (at most {TOLERANCE[name]:g})"
        for name, value in difference.items()
        if not value <= TOLERANCE[name]
    ]
    if wrong:
        raise CheckpointError(
            f"{folder}: answers of the exported network differ from torch's: {', '.join(wrong)}; "
            "nothing was written, predictions go on with torch"
        )
