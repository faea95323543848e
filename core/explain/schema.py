"""Knobs of the attribution methods and the targets they explain; imports nothing heavy."""

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from core.options import OptionSchema

TargetName = Literal["region", "position", "north_m", "east_m", "heading"]
Baseline = Literal["mean", "black", "blurred"]


@dataclass(frozen=True)
class TargetKind:
    """One output of the network that can be explained.

    Attributes:
        label: What a menu calls it.
        unit: Unit of the attributions.
        help: What a positive attribution means.
    """

    label: str
    unit: str
    help: str


TARGETS: dict[TargetName, TargetKind] = {
    "region": TargetKind(
        "Region",
        "logits",
        "The score of one region before the softmax. Positive: this pixel supports the region.",
    ),
    "position": TargetKind(
        "Position",
        "m",
        "Metres from the middle of the campus towards the predicted place. Positive: this pixel "
        "moves the pin outwards, to where it is; negative: back to the middle.",
    ),
    "north_m": TargetKind(
        "North", "m", "Metres north. Positive: this pixel moves the pin north, negative: south."
    ),
    "east_m": TargetKind(
        "East", "m", "Metres east. Positive: this pixel moves the pin east, negative: west."
    ),
    "heading": TargetKind(
        "Heading",
        "of the unit vector",
        "Length of the raw heading vector in the predicted direction. Positive: this pixel "
        "supports the predicted heading, negative: opposes it.",
    ),
}

_BASELINES = (
    "Reference input without information. mean: the mean colour of the network's normalisation; "
    "black; blurred: the photo without detail"
)


class IntegratedGradientsKnobs(OptionSchema):
    """Integrated gradients (Sundararajan et al. 2017)."""

    n_steps: int = Field(
        50, ge=8, le=500, description="Number of steps from the baseline to the photo"
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
