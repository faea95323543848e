"""Networks as ONNX graphs, computed by ONNX Runtime on the CPU, without torch.

The graphs hold no weights: those are read from the files that torch reads, so that both compute
from the same bytes. A graph is named by its content, as weights are.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as state
from safetensors.numpy import load

from core.confidence.ood import appearance
from core.dataset.decode import Pixels
from core.errors import CheckpointError
from core.files import read_hashed, read_tensors
from core.geo import Floats, heading_unit
from core.inference.known import KnownMetadata
from core.inference.network import NetworkOutputs
from core.model.card import Card, GraphCard, RetrievalCard

if TYPE_CHECKING:
    from core.model.network import BearingsModel

PHOTOS, REGION, HEADING = "photos", "region", "heading"
"""Inputs of a network's graph; a retrieval backbone's has the first alone."""
OUTPUTS = ("region_logits", "position", "heading_vector", "features", "descriptor", "place_logits")
"""Outputs of a network's graph, in this order; those of labels it does not predict are absent."""
ANCHORS = "place_head.anchors"
_REMEDY = "copy the checkpoint folder again as a whole, or export it again"

_GRAPH_READS = "session.model_external_initializers_file_folder_path"
# What the runtime raises of a graph that it cannot use; they share no class of their own. A name
# that is no text fails within its binding.
_ERRORS = (
    UnicodeDecodeError, state.Fail, state.InvalidArgument, state.InvalidGraph,
    state.InvalidProtobuf, state.NoSuchFile, state.NotImplemented, state.RuntimeException,
)  # fmt: skip

Weights = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class _OnnxGraph:
    """An exported graph of a checkpoint.

    Attributes:
        graph: What the checkpoint's card says about it.
        session: The graph with the weights.
        folder: The checkpoint's folder.
    """

    graph: GraphCard
    session: onnxruntime.InferenceSession
    folder: Path

    @property
    def widths(self) -> tuple[int, ...]:
        """Widths of the parts of its descriptors, the features first."""
        return self.graph.widths

    @property
    def parts(self) -> tuple[str, ...]:
        """What the parts of its descriptors are, in words."""
        return self.graph.parts

    def _computed(
        self, inputs: Mapping[str, NDArray[Any]], needed: Mapping[str, int]
    ) -> dict[str, NDArray[np.float32]]:
        """Outputs of the graph for n photos by name: those `(n, columns)` that are needed, others.

        Raises:
            CheckpointError: It cannot be computed, or is the graph of another network.
        """
        taken = {each.name for each in self.session.get_inputs()}
        names = [each.name for each in self.session.get_outputs()]
        try:
            given = {name: each for name, each in inputs.items() if name in taken}
            values = self.session.run(names, given)
        except (*_ERRORS, ValueError) as error:
            raise self._refused(str(error).splitlines()[0]) from error
        found = dict(zip(names, values, strict=True))
        n = len(inputs[PHOTOS])
        for name, columns in needed.items():
            if name not in found:
                raise self._refused(f"no output {name}")
            if np.shape(found[name]) != (n, columns):
                raise self._refused(f"{name} of shape {np.shape(found[name])} for {n} photos")
        if any(np.shape(each)[:1] != (n,) for each in found.values()):
            raise self._refused(f"outputs that are not of {n} photos")
        return found

    def _refused(self, why: str) -> CheckpointError:
        return CheckpointError(
            f"graph {self.folder / self.graph.file} does not compute this network ({why}): "
            f"{_REMEDY}"
        )


@dataclass(frozen=True)
class OnnxNetwork(_OnnxGraph):
    """A `core.inference.network.Network` that ONNX Runtime computes.

    Attributes:
        anchors: Normalised positions `(anchors, 2)` of the place head; None without one.
        columns: Of the outputs that the network must have.
    """

    anchors: Floats | None
    columns: Mapping[str, int]

    @cached_property
    def model(self) -> "BearingsModel":
        """The module of torch, which is read when it is first asked for."""
        from core.model.checkpoint import load_checkpoint  # imports torch

        return load_checkpoint(self.folder).model

    def run(self, photos: Pixels, known: KnownMetadata) -> NetworkOutputs:
        """Run photos `(n, input_size, input_size, 3)` through backbone and heads."""
        n = len(photos)
        inputs: dict[str, NDArray[Any]] = {
            PHOTOS: np.ascontiguousarray(photos),
            REGION: known.region.astype(np.int64),
            HEADING: heading_unit(known.heading_deg).astype(np.float32),
        }
        found = self._computed(inputs, self.columns)
        logits, views = found.get("region_logits"), found.get("place_logits")
        return NetworkOutputs(
            np.empty((n, 0)) if logits is None else _softmax(logits.astype(np.float64)),
            _vectors(found.get("position"), n),
            _vectors(found.get("heading_vector"), n),
            found["features"],
            found["descriptor"],
            np.empty((n, 0)) if views is None else views.reshape(n, -1).astype(np.float64),
            appearance(photos),
        )


@dataclass(frozen=True)
class OnnxDescriber(_OnnxGraph):
    """A `core.inference.network.Describer` that ONNX Runtime computes."""

    card: RetrievalCard

    def describe(self, photos: Pixels) -> NDArray[np.float32]:
        """Descriptors `(n, d)` of RGB photos `(n, input_size, input_size, 3)`."""
        # Its one output has the name of any of its operators.
        name = self.session.get_outputs()[0].name
        found = self._computed({PHOTOS: np.ascontiguousarray(photos)}, {name: sum(self.widths)})
        return found[name]


def load_network(folder: Path, card: Card, graph: GraphCard) -> OnnxNetwork:
    """Read the exported network of a checkpoint.

    Raises:
        CheckpointError: The graph or the weights are missing, damaged or do not fit.
    """
    weights = read_weights(folder / card.weights)
    anchors = weights.get(ANCHORS)
    session = _read_session(folder, graph, weights)
    positions = None if anchors is None else anchors.astype(np.float64)
    return OnnxNetwork(graph, session, folder, positions, columns_of(card, graph))


def columns_of(card: Card, graph: GraphCard) -> dict[str, int]:
    """How many columns each output has that a network of a card must have.

    Heads of the position and the heading may be absent: places can answer both.
    """
    needed = {"features": graph.widths[0], "descriptor": sum(graph.widths)}
    if "region" in card.labels:
        needed["region_logits"] = len(card.regions)
    if "position" in card.labels and card.model.position_head == "regression":
        needed["position"] = 2
    if "heading" in card.labels and card.model.heading_head == "vector":
        needed["heading_vector"] = 2
    return needed


def load_describer(folder: Path, card: RetrievalCard, graph: GraphCard) -> OnnxDescriber:
    """Read the exported retrieval backbone of a checkpoint; raises as `load_network`."""
    weights = read_weights(folder / card.weights)
    session = _read_session(folder, graph, weights)
    return OnnxDescriber(graph, session, folder, card)


def _read_session(folder: Path, graph: GraphCard, weights: Weights) -> onnxruntime.InferenceSession:
    content = read_hashed(folder / graph.file, _REMEDY, CheckpointError)
    return make_session(content, graph, weights, folder)


def read_weights(path: Path) -> Weights:
    """Read weights as float32, of any type that checkpoints store; integers stay as they are.

    Raises:
        CheckpointError: They are missing, damaged, or hold numbers that are not finite.
    """
    stored = read_tensors(path, load, _REMEDY, CheckpointError)
    weights = {
        name: each.astype(np.float32) if each.dtype.kind == "f" else each
        for name, each in stored.items()
    }
    # An anchor that is not placed is NaN.
    if not all(np.isfinite(each).all() for name, each in weights.items() if name != ANCHORS):
        raise CheckpointError(
            f"weights {path} hold numbers that are not finite, so every answer would be none: "
            "train again, or use another checkpoint of the run"
        )
    return weights


def make_session(
    content: bytes, graph: GraphCard, weights: Weights, folder: Path
) -> onnxruntime.InferenceSession:
    """Give a graph its weights.

    Raises:
        CheckpointError: It needs other weights, or is no graph.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = _threads()
    # A thread that waits for work in a loop takes a core from whatever else runs here.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # A graph may name files that it reads; one from elsewhere reads none but its neighbours.
    options.add_session_config_entry(_GRAPH_READS, str(folder))
    options.log_severity_level = 3
    given = {
        name: each
        for name, each in weights.items()
        if each.dtype == np.float32 and name not in graph.unused
    }
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(each) for each in given.values()]
    options.add_external_initializers(list(given), values)
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except _ERRORS as error:
        first = str(error).splitlines()[0]
        raise CheckpointError(
            f"graph {folder / graph.file} does not fit the weights ({first}): {_REMEDY}"
        ) from error


def _threads() -> int:
    """As many as torch would take."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return int(wanted) if wanted.isdecimal() and int(wanted) else (os.cpu_count() or 1)


def _softmax(logits: Floats) -> Floats:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def _vectors(output: NDArray[np.float32] | None, n: int) -> Floats:
    """Outputs `(n, 2)` of a head; NaN without the head."""
    return np.full((n, 2), np.nan) if output is None else output.astype(np.float64)
