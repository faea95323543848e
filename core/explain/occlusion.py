"""Occlusion: cover one window after another and see what the number does."""

from captum.attr import Occlusion

from core.explain.baselines import baseline_image
from core.explain.problem import Problem, Solution
from core.explain.schema import OcclusionKnobs


def occlusion(problem: Problem, knobs: OcclusionKnobs) -> Solution:
    """Cover windows of the photo by the baseline; a pixel gets the mean change of its windows.

    No gradient and no assumption about the network: of all methods the surest to find what
    matters, and the slowest.
    """
    side = problem.image.shape[-1]
    window = max(1, round(side * knobs.window_percent / 100))
    # A step longer than the window would leave pixels that no window ever covers.
    stride = min(window, max(1, round(side * knobs.stride_percent / 100)))
    baseline = baseline_image(problem.image, knobs.baseline, problem.black)
    attributed = Occlusion(problem.score).attribute(
        problem.image,
        sliding_window_shapes=(3, window, window),
        strides=(3, stride, stride),
        baselines=baseline,
        perturbations_per_eval=knobs.perturbations_per_eval,
    )
    # The three channels are covered together and hold the same change.
    return Solution(attributed.detach()[0].mean(dim=0).cpu(), problem.value(baseline))
