"""The registry: every method as data, so that a page can offer a new one without a new line."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from core.explain.schema import (
    GradCamKnobs,
    IntegratedGradientsKnobs,
    OcclusionKnobs,
    SmoothGradKnobs,
)

if TYPE_CHECKING:
    from core.explain.problem import Problem, Solution


@dataclass(frozen=True)
class Method:
    """One attribution method.

    Attributes:
        label: What a menu calls it.
        help: What its map means, in a sentence or two.
        cost: What it costs.
        knobs: Schema of its options.
        run: `(problem, knobs) -> solution`; imports what is heavy when called.
    """

    label: str
    help: str
    cost: str
    knobs: type[BaseModel]
    run: "Callable[[Problem, Any], Solution]"


def _integrated_gradients(problem: "Problem", knobs: IntegratedGradientsKnobs) -> "Solution":
    from core.explain.gradients import integrated_gradients

    return integrated_gradients(problem, knobs)


def _grad_cam(problem: "Problem", knobs: GradCamKnobs) -> "Solution":
    from core.explain.gradcam import grad_cam

    return grad_cam(problem, knobs)


def _occlusion(problem: "Problem", knobs: OcclusionKnobs) -> "Solution":
    from core.explain.occlusion import occlusion

    return occlusion(problem, knobs)


def _smooth_grad(problem: "Problem", knobs: SmoothGradKnobs) -> "Solution":
    from core.explain.gradients import smooth_grad

    return smooth_grad(problem, knobs)


METHODS: dict[str, Method] = {
    "grad_cam": Method(
        "Grad-CAM",
        "Which part of the photo the last stage's features came from. Coarse, but quick.",
        "One pass forward and one back.",
        GradCamKnobs,
        _grad_cam,
    ),
    "integrated_gradients": Method(
        "Integrated gradients",
        "Pixel by pixel, what made the answer differ from that for a blank photo. The pixels add "
        "up to that difference; the delta says how nearly.",
        "One pass forward and back per step.",
        IntegratedGradientsKnobs,
        _integrated_gradients,
    ),
    "occlusion": Method(
        "Occlusion",
        "How the answer changes when a part of the photo is covered. The surest to find what "
        "matters.",
        "One pass forward per window: about 120 with the usual window and step.",
        OcclusionKnobs,
        _occlusion,
    ),
    "smooth_grad": Method(
        "SmoothGrad",
        "Where a small change of the photo would change the answer most. No sign.",
        "One pass forward and back per noisy copy.",
        SmoothGradKnobs,
        _smooth_grad,
    ),
}
