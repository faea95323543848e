"""Attribution of one photo: the one verb of this room."""

import time
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel

from core.dataset.augment import resize_photo
from core.errors import ConfigError
from core.explain.attribution import Attribution
from core.explain.methods import METHODS, TARGETS, Method, TargetName, targets_of
from core.explain.targets import AttributionInput, Target, TargetScore
from core.labels import listed
from core.model.backbone import normalise
from core.model.card import Card
from core.model.network import BearingsModel

UNTRAINED = (
    "the heads of this checkpoint were never trained: training photos that look alike answer in "
    "their place, so a map of what the heads looked at would mean nothing. The Predict page shows "
    "those photos; train a model to see maps"
)

# Images of a batch whose time is measured.
_TRIED = 4


class Explained(Protocol):
    """What is needed of a predictor, or of a loaded checkpoint: its card and its network."""

    @property
    def card(self) -> Card:
        """Regions, units and normalisation."""
        ...

    @property
    def model(self) -> BearingsModel:
        """The network, in evaluation mode; it is copied and never changed."""
        ...


def attribute(
    predictor: Explained,
    photo: NDArray[np.uint8],
    method: str,
    target: TargetName,
    knobs: BaseModel | None = None,
    *,
    region: str | None = None,
    against: str | None = None,
) -> Attribution:
    """Return the attribution of one output of the network for one photo.

    Args:
        predictor: A predictor or a loaded checkpoint.
        photo: `(s, s, 3)` uint8 RGB, an upright square of any size, as `Predictor.decode` gives it.
        method: Key in METHODS.
        target: Key in TARGETS.
        knobs: The method's options; its defaults when absent.
        region: For target `region`: which one; the predicted one when absent.
        against: For target `region`: another one, that it is compared with; see `Target`.

    Raises:
        ConfigError: The method, the target or the region is unknown, the model does not predict the
            target, the backbone does not allow the method, or `predictor` is an ensemble.
    """
    chosen, options = choose(method, knobs)
    inputs, seen = prepare(predictor, photo, Target(target, region, against))
    return run(method, chosen, options, inputs, seen)


def prepare(
    predictor: Explained, photo: NDArray[np.uint8], target: Target
) -> tuple[AttributionInput, NDArray[np.uint8]]:
    """Return the input of every method for one photo, and the photo as the network sees it.

    Raises:
        ConfigError: As `attribute`.
    """
    if target.name not in TARGETS:
        raise ConfigError(f"target {target.name!r} is unknown: choose one of {', '.join(TARGETS)}")
    model = _one_network(predictor)
    if TARGETS[target.name].predicts not in predictor.card.labels:
        raise ConfigError(
            f"this model predicts {listed(predictor.card.labels)} only, so its {target.name} "
            f"cannot be explained: choose one of {', '.join(targets_of(predictor.card.labels))}"
        )
    if photo.ndim != 3 or photo.shape != (len(photo), len(photo), 3) or photo.dtype != np.uint8:
        raise ValueError(f"photo must be (s, s, 3) uint8, got {photo.shape} {photo.dtype}")
    seen = resize_photo(photo, model.input_size)
    pixels = np.stack([seen, np.zeros_like(seen)])  # the photo, and black
    device = next(model.parameters()).device
    both = normalise(pixels, model.mean, model.std, device).contiguous()
    image = both[:1]  # (1, 3, s, s)
    score = TargetScore(model, predictor.card)
    score.set_target(target, image)
    return AttributionInput(score, image, both[1:, :, :1, :1]), seen


def run(
    name: str,
    method: Method,
    knobs: BaseModel,
    inputs: AttributionInput,
    seen: NDArray[np.uint8],
) -> Attribution:
    """Run one method; `seen` is the photo as the network sees it."""
    result = method.run(inputs, knobs)
    baseline = result.baseline
    return Attribution(
        method=name,
        label=inputs.score.label,
        answer=inputs.score.answer(inputs.image),
        map=np.ascontiguousarray(result.map.numpy(), np.float32),
        photo=seen,
        score=inputs.value(inputs.image),
        baseline_score=None if baseline is None else inputs.value(baseline),
        delta=result.delta,
        baseline_answer=None if baseline is None else inputs.score.answer(baseline),
    )


def measure_passes(predictor: Explained, photo: NDArray[np.uint8]) -> tuple[float, float]:
    """Measure the seconds that one image takes forward, and forward and back, in a small batch."""
    target = targets_of(predictor.card.labels)[0]
    inputs, _ = prepare(predictor, photo, Target(target))
    images = inputs.image.repeat(_TRIED, 1, 1, 1).requires_grad_()
    seconds = []
    for gradient in (False, True):
        for _ in range(2):  # the first pass also sets things up
            began = time.perf_counter()
            with torch.set_grad_enabled(gradient):
                total = inputs.score(images).sum()
            if gradient:
                total.backward()
            took = (time.perf_counter() - began) / _TRIED
        seconds.append(took)
    return seconds[0], seconds[1]


def _one_network(predictor: Explained) -> BearingsModel:
    if predictor.card.ensemble is not None:
        raise ConfigError(
            "an ensemble is several networks, and a map explains one: explain one of its members"
        )
    if not predictor.card.trained:
        raise ConfigError(UNTRAINED)
    return predictor.model


def choose(method: str, knobs: BaseModel | None) -> tuple[Method, BaseModel]:
    """Return a method and its options, the defaults if none are given; ConfigError by name."""
    if method not in METHODS:
        raise ConfigError(f"method {method!r} is unknown: choose one of {', '.join(METHODS)}")
    chosen = METHODS[method]
    options = chosen.knobs() if knobs is None else knobs
    if not isinstance(options, chosen.knobs):
        raise ConfigError(
            f"{chosen.label} takes {chosen.knobs.__name__}, got {type(options).__name__}"
        )
    return chosen, options
