"""Knobs of the attribution methods and the targets they explain; imports nothing heavy."""

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from core.options import OptionSchema

TargetName = Literal["region", "position", "north_m", "east_m", "heading"]
Baseline = Literal["mean", "black", "blurred"]


@dataclass(frozen=True)
class TargetKind:
    """One thing that the network says and that can be explained.

    Attributes:
        label: What a menu calls it.
        unit: What attributions add up in.
        help: What a positive attribution means.
    """

    label: str
    unit: str
    help: str


TARGETS: dict[TargetName, TargetKind] = {
    "region": TargetKind(
        "Region",
        "logits",
        "The score of one region before the softmax. Positive: this pixel speaks for the region.",
    ),
    "position": TargetKind(
        "Position",
        "m",
        "Metres from the middle of the campus towards the predicted place. Positive: this pixel "
        "pushes the pin outwards, to where it is; negative: back to the middle.",
    ),
    "north_m": TargetKind(
        "North", "m", "Metres north. Positive: this pixel pushes the pin north, negative: south."
    ),
    "east_m": TargetKind(
        "East", "m", "Metres east. Positive: this pixel pushes the pin east, negative: west."
    ),
    "heading": TargetKind(
        "Heading",
        "of the unit vector",
        "How far the raw heading vector reaches in the predicted direction. Positive: this pixel "
        "speaks for the predicted heading, negative: against it.",
    ),
}

_BASELINES = (
    "What stands for 'nothing to see': mean is a plain photo of the mean colour that the network's "
    "input is normalised with; black; blurred is the photo itself without detail"
)


class IntegratedGradientsKnobs(OptionSchema):
    """Integrated gradients (Sundararajan et al. 2017)."""

    n_steps: int = Field(
        50, ge=8, le=500, description="Points on the way from the baseline to the photo"
    )
    internal_batch_size: int = Field(
        8, ge=1, le=128, description="Points computed at once; fewer need less memory"
    )
    baseline: Baseline = Field("mean", description=_BASELINES)


class GradCamKnobs(OptionSchema):
    """Grad-CAM (Selvaraju et al. 2017) on the backbone's last stage."""

    positive_only: bool = Field(
        False,
        description="Only what speaks for the target, as the paper does for classes; a position or "
        "a heading has two sides worth seeing",
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
