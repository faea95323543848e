"""The attribution algorithms: gradients, Grad-CAM and occlusion, over captum."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own spelling
from captum.attr import IntegratedGradients, LayerGradCam, NoiseTunnel, Occlusion, Saliency
from torch import Tensor, nn

from core.errors import ConfigError
from core.explain.methods import (
    Baseline,
    GradCamKnobs,
    IntegratedGradientsKnobs,
    OcclusionKnobs,
    SmoothGradKnobs,
)
from core.explain.targets import AttributionInput, AttributionMap

# Of the photo's side: wide enough that no facade can be told from another.
_BLUR_SHARE = 1 / 8


def baseline_image(image: Tensor, kind: Baseline, black: Tensor) -> Tensor:
    """Return the baseline of a normalised image `(1, 3, s, s)`, of the same shape.

    Args:
        image: The photo.
        kind: `mean` is 0 everywhere, the colour that normalisation subtracts.
        black: `(1, 3, 1, 1)`, what black is after normalisation.
    """
    if kind == "mean":
        return image.new_zeros(image.shape)
    if kind == "black":
        return black.expand_as(image).contiguous()
    side = image.shape[-1]
    coarse = F.adaptive_avg_pool2d(image, max(1, round(1 / _BLUR_SHARE)))
    return F.interpolate(coarse, size=(side, side), mode="bicubic", align_corners=False)


# The backbone's last stage, as a map of features whatever the family of the backbone.


_INSTEAD = "choose occlusion or integrated gradients, which need no map of features"


@contextmanager
def last_stage(backbone: nn.Module) -> Iterator[nn.Module]:
    """Let every pass of the backbone show its last stage to a module that others can hook to.

    The module that is yielded receives `(n, channels, h, w)` and hands it on unchanged. The tokens
    of a vision transformer are laid out as the grid of patches that they belong to (without class
    and register tokens), as its features are their average; Swin's channels-last maps are turned.

    Raises:
        ConfigError: timm names no last stage for this backbone.
    """
    stage = backbone.get_submodule(_stage_name(backbone))
    seen = nn.Identity()

    def show(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:  # noqa: ANN401
        return _shown(output, seen, backbone)

    handle = stage.register_forward_hook(show)
    try:
        yield seen
    finally:
        handle.remove()


def _stage_name(backbone: nn.Module) -> str:
    """Name of the last stage, from timm's list of feature maps."""
    info = getattr(backbone, "feature_info", None)
    stages = getattr(info, "info", info)
    if not stages:
        raise ConfigError(
            f"{type(backbone).__name__} has no stages that Grad-CAM could look at: {_INSTEAD}"
        )
    return str(stages[-1]["module"])


def _shown(output: Tensor, seen: nn.Module, backbone: nn.Module) -> Tensor:
    if output.ndim == 4 and getattr(backbone, "output_fmt", "NCHW") == "NHWC":
        turned: Tensor = seen(output.permute(0, 3, 1, 2))
        return turned.permute(0, 2, 3, 1)
    if output.ndim == 4:
        return cast(Tensor, seen(output))
    if output.ndim != 3:
        raise ConfigError(
            f"the last stage of {type(backbone).__name__} gives {tuple(output.shape)}, which is no "
            f"map: {_INSTEAD}"
        )
    prefix, side = _grid(output.shape[1], backbone)
    patches = output[:, prefix:].transpose(1, 2)  # (n, channels, side * side)
    turned = seen(patches.reshape(*patches.shape[:2], side, side))
    return torch.cat([output[:, :prefix], turned.flatten(2).transpose(1, 2)], dim=1)


def _grid(tokens: int, backbone: nn.Module) -> tuple[int, int]:
    """Number of tokens before the patches, and patches along a side; photos are square."""
    # Some families let the class token join only after the last block.
    for prefix in (int(getattr(backbone, "num_prefix_tokens", 0)), 0):
        side = round((tokens - prefix) ** 0.5)
        if side * side == tokens - prefix:
            return prefix, side
    raise ConfigError(
        f"{type(backbone).__name__} has {tokens} tokens, which are no square grid: {_INSTEAD}"
    )


# Gradients. Guided backpropagation is left out on purpose: it draws much the same edges when the
# weights above are randomised (Adebayo et al. 2018), so it explains the photo, not the model.


def integrated_gradients(
    inputs: AttributionInput, knobs: IntegratedGradientsKnobs
) -> AttributionMap:
    """Integrate the gradient on the straight way from the baseline to the photo.

    The map adds up to the score less the baseline's score (completeness); `delta` is by how much
    the finite number of steps misses that.
    """
    baseline = baseline_image(inputs.image, knobs.baseline, inputs.black)
    attributed, delta = IntegratedGradients(inputs.score).attribute(
        inputs.image,
        baselines=baseline,
        n_steps=knobs.n_steps,
        internal_batch_size=knobs.internal_batch_size,
        return_convergence_delta=True,
    )
    pixels = attributed.detach()[0].sum(dim=0).cpu()  # (s, s)
    return AttributionMap(pixels, baseline, float(delta[0]))


def smooth_grad(inputs: AttributionInput, knobs: SmoothGradKnobs) -> AttributionMap:
    """Average the gradient's size over noisy copies: where the number is sensitive, no sign."""
    spread = float(inputs.image.max() - inputs.image.min())
    devices = [inputs.image.device] if inputs.image.is_cuda else []
    # NoiseTunnel draws from torch's own stream; put it back as it was.
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(knobs.seed)
        attributed = NoiseTunnel(Saliency(inputs.score)).attribute(
            inputs.image,
            nt_type="smoothgrad",
            nt_samples=knobs.samples,
            nt_samples_batch_size=knobs.samples_at_once,
            stdevs=spread * knobs.noise_percent / 100,
            abs=True,
        )
    return AttributionMap(attributed.detach()[0].sum(dim=0).cpu())


# Grad-CAM: the last stage's maps, weighted by the gradient of the score.


_SMALLEST_MAP = 2


def grad_cam(inputs: AttributionInput, knobs: GradCamKnobs) -> AttributionMap:
    """Weight the last stage's feature maps and enlarge their sum to the photo's size.

    One pass forward and one back: the cheapest method, and the coarsest. For vision transformers
    the map is the grid of patches after the last block (see `last_stage`).

    Raises:
        ConfigError: The backbone has no such map, or it is a single cell at this input size.
    """
    side = inputs.image.shape[-1]
    with last_stage(inputs.score.model.backbone) as stage:
        maps = LayerGradCam(inputs.score, stage).attribute(
            inputs.image, relu_attributions=knobs.positive_only
        )  # (1, 1, h, w)
    if min(maps.shape[-2:]) < _SMALLEST_MAP:
        raise ConfigError(
            f"at {side} pixels the last stage sees {maps.shape[-2]} x {maps.shape[-1]} cells, too "
            "few for Grad-CAM: choose occlusion or integrated gradients"
        )
    enlarged = F.interpolate(maps.detach(), (side, side), mode="bilinear", align_corners=False)
    return AttributionMap(enlarged[0, 0].cpu())


# Occlusion: cover one window after another and measure how the score changes.


def occlusion(inputs: AttributionInput, knobs: OcclusionKnobs) -> AttributionMap:
    """Cover windows of the photo by the baseline; a pixel gets the mean change of its windows.

    No gradient and no assumption about the network: of all methods the surest to find what
    matters, and the slowest.
    """
    side = inputs.image.shape[-1]
    window = max(1, round(side * knobs.window_percent / 100))
    # A step longer than the window would leave pixels that no window ever covers.
    stride = min(window, max(1, round(side * knobs.stride_percent / 100)))
    baseline = baseline_image(inputs.image, knobs.baseline, inputs.black)
    attributed = Occlusion(inputs.score).attribute(
        inputs.image,
        sliding_window_shapes=(3, window, window),
        strides=(3, stride, stride),
        baselines=baseline,
        perturbations_per_eval=knobs.perturbations_per_eval,
    )
    # The three channels are covered together and hold the same change.
    return AttributionMap(attributed.detach()[0].mean(dim=0).cpu(), baseline)
