"""Methods that follow the gradient from the number back to the pixels.

Guided backpropagation is left out on purpose: it draws much the same edges when the weights above
are random, so its maps say more about the photo than about the network (Adebayo et al. 2018,
"Sanity checks for saliency maps").
"""

import torch
from captum.attr import IntegratedGradients, NoiseTunnel, Saliency

from core.explain.baselines import baseline_image
from core.explain.problem import Problem, Solution
from core.explain.schema import IntegratedGradientsKnobs, SmoothGradKnobs


def integrated_gradients(problem: Problem, knobs: IntegratedGradientsKnobs) -> Solution:
    """Integrate the gradient on the straight way from the baseline to the photo.

    The map adds up to the score less the baseline's score (completeness); `delta` is by how much
    the finite number of steps misses that.
    """
    baseline = baseline_image(problem.image, knobs.baseline, problem.black)
    attributed, delta = IntegratedGradients(problem.score).attribute(
        problem.image,
        baselines=baseline,
        n_steps=knobs.n_steps,
        internal_batch_size=knobs.internal_batch_size,
        return_convergence_delta=True,
    )
    pixels = attributed.detach()[0].sum(dim=0).cpu()  # (s, s)
    return Solution(pixels, problem.value(baseline), float(delta[0]))


def smooth_grad(problem: Problem, knobs: SmoothGradKnobs) -> Solution:
    """Average the gradient's size over noisy copies: where the number is sensitive, no sign."""
    spread = float(problem.image.max() - problem.image.min())
    devices = [problem.image.device] if problem.image.is_cuda else []
    # NoiseTunnel draws from torch's own stream; put it back as it was.
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(knobs.seed)
        attributed = NoiseTunnel(Saliency(problem.score)).attribute(
            problem.image,
            nt_type="smoothgrad",
            nt_samples=knobs.samples,
            nt_samples_batch_size=knobs.samples_at_once,
            stdevs=spread * knobs.noise_percent / 100,
            abs=True,
        )
    return Solution(attributed.detach()[0].sum(dim=0).cpu())
