"""The attribution methods with their options: data, so that a page offers a new one by itself.

Read by pages and forms, so this module imports nothing heavy.
"""

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, Field

from core.labels import Label
from core.options import OptionSchema

if TYPE_CHECKING:
    from core.explain.targets import AttributionInput, AttributionMap


TargetName = Literal["region", "position", "north_m", "east_m", "heading"]
Baseline = Literal["mean", "black", "blurred"]


@dataclass(frozen=True)
class TargetKind:
    """One output of the network that can be explained.

    Attributes:
        label: What a menu calls it.
        help: What a positive attribution means.
        predicts: The label that the output predicts.
    """

    label: str
    help: str
    predicts: Label


TARGETS: dict[TargetName, TargetKind] = {
    "region": TargetKind(
        "Region",
        "How high the network scores one region. Orange: this part supports the region; blue: it "
        "counts against it.",
        "region",
    ),
    "position": TargetKind(
        "Position",
        "Metres from the middle of the campus towards the predicted place. Orange: this part moves "
        "the pin outwards, to where it is; blue: back to the middle.",
        "position",
    ),
    "north_m": TargetKind(
        "North",
        "Metres north. Orange: this part moves the pin north; blue: south.",
        "position",
    ),
    "east_m": TargetKind(
        "East",
        "Metres east. Orange: this part moves the pin east; blue: west.",
        "position",
    ),
    "heading": TargetKind(
        "Heading",
        "How strongly the network points in the predicted direction. Orange: this part supports "
        "the predicted heading; blue: it turns the answer away.",
        "heading",
    ),
}


def targets_of(labels: Collection[Label]) -> tuple[TargetName, ...]:
    """Return the outputs that a model of these labels has."""
    return tuple(name for name, kind in TARGETS.items() if kind.predicts in labels)


_BASELINES = (
    "Reference input without information. mean: the mean colour of the network's normalisation; "
    "black; blurred: the photo without detail"
)


class IntegratedGradientsKnobs(OptionSchema):
    """Integrated gradients (Sundararajan et al. 2017)."""

    n_steps: int = Field(
        32, ge=8, le=500, description="Number of steps from the baseline to the photo"
    )
    internal_batch_size: int = Field(
        8, ge=1, le=128, description="Steps computed at once; fewer need less memory"
    )
    baseline: Baseline = Field("mean", description=_BASELINES)


class GradCamKnobs(OptionSchema):
    """Grad-CAM (Selvaraju et al. 2017) on the backbone's last stage."""

    positive_only: bool = Field(
        False,
        description="Show only what supports the target, as the paper does for classes",
    )


class OcclusionKnobs(OptionSchema):
    """Occlusion (Zeiler & Fergus 2014): what changes when a window of the photo is covered."""

    window_percent: int = Field(
        18, ge=4, le=50, description="Side of the covering window, in percent of the photo's side"
    )
    stride_percent: int = Field(
        9, ge=2, le=50, description="Step between two windows, in percent of the photo's side"
    )
    perturbations_per_eval: int = Field(
        16, ge=1, le=128, description="Covered photos computed at once; fewer need less memory"
    )
    baseline: Baseline = Field("mean", description=_BASELINES)


class SmoothGradKnobs(OptionSchema):
    """SmoothGrad (Smilkov et al. 2017): the gradient's size, averaged over noisy copies."""

    samples: int = Field(16, ge=2, le=200, description="Noisy copies of the photo")
    noise_percent: int = Field(
        15, ge=1, le=50, description="Noise, in percent of the photo's own range of values"
    )
    samples_at_once: int = Field(
        8, ge=1, le=64, description="Copies computed at once; fewer need less memory"
    )
    seed: int = Field(0, ge=0, description="Seed of the noise")


@dataclass(frozen=True)
class Method:
    """One attribution method.

    Attributes:
        label: What a menu calls it.
        help: What its map means, in a sentence or two.
        knobs: Schema of its options.
        run: `(inputs, knobs) -> map`; imports what is heavy when called.
        passes: How many images the network sees for one map with such options.
        gradient: Whether a pass also goes backward, which takes about twice as long.
    """

    label: str
    help: str
    knobs: type[BaseModel]
    run: "Callable[[AttributionInput, Any], AttributionMap]"
    passes: Callable[[Any], int]
    gradient: bool = True


def _integrated_gradients(
    inputs: "AttributionInput", knobs: IntegratedGradientsKnobs
) -> "AttributionMap":
    from core.explain.algorithms import integrated_gradients

    return integrated_gradients(inputs, knobs)


def _grad_cam(inputs: "AttributionInput", knobs: GradCamKnobs) -> "AttributionMap":
    from core.explain.algorithms import grad_cam

    return grad_cam(inputs, knobs)


def _occlusion(inputs: "AttributionInput", knobs: OcclusionKnobs) -> "AttributionMap":
    from core.explain.algorithms import occlusion

    return occlusion(inputs, knobs)


def _smooth_grad(inputs: "AttributionInput", knobs: SmoothGradKnobs) -> "AttributionMap":
    from core.explain.algorithms import smooth_grad

    return smooth_grad(inputs, knobs)


def _windows(knobs: OcclusionKnobs) -> int:
    stride = min(knobs.window_percent, knobs.stride_percent)
    return (math.ceil((100 - knobs.window_percent) / stride) + 1) ** 2


METHODS: dict[str, Method] = {
    "grad_cam": Method(
        "Grad-CAM",
        "Which part of the photo the last stage's features came from. Coarse, but quick.",
        GradCamKnobs,
        _grad_cam,
        lambda _: 1,
    ),
    "integrated_gradients": Method(
        "Integrated gradients",
        "Pixel by pixel, what made the answer differ from that for a blank photo. The pixels add "
        "up to that difference; the delta says how nearly.",
        IntegratedGradientsKnobs,
        _integrated_gradients,
        lambda knobs: knobs.n_steps,
    ),
    "occlusion": Method(
        "Occlusion",
        "How the answer changes when a part of the photo is covered. The surest to find what "
        "matters.",
        OcclusionKnobs,
        _occlusion,
        _windows,
        gradient=False,
    ),
    "smooth_grad": Method(
        "SmoothGrad",
        "Where a small change of the photo would change the answer most. No sign.",
        SmoothGradKnobs,
        _smooth_grad,
        lambda knobs: knobs.samples,
    ),
}
