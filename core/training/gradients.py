"""One step of several processes: gradients added up, BatchNorm's statistics kept the same.

Why no DistributedDataParallel: it counts on every process passing the same photos' worth of work
through `forward` in every step. Here stage 1 calls the heads on cached features, a process may get
no photo of a small batch, a loss may leave a head without a gradient (a batch that teaches no
position), and shares of a batch differ by a photo. Each loss is therefore scaled by its share of
the step (`core.model.losses.Share`) and the gradients are added up, which is the gradient of the
whole step's mean, exactly. The price is that sending does not overlap with the backward pass.

The processes begin with the same weights and take the same steps: every one of them holds the same
network after each step, and the main process's may be saved for all.
"""

from collections.abc import Iterable, Iterator

import torch
import torch.distributed as dist
from timm.layers.norm_act import convert_sync_batchnorm
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from core.errors import ConfigError
from core.model.network import BearingsModel
from core.training.processes import Processes, peers_alive

# 32 MB in float32: large enough to fill a link, small beside a network's own memory.
_BUCKET = 2**23


def share_weights(model: nn.Module, processes: Processes) -> None:
    """Give all processes the main one's weights and statistics."""
    if processes.count == 1:
        return
    for value in model.state_dict().values():
        # Memory formats that are not contiguous cannot be sent as they lie.
        sent = value.contiguous()
        with peers_alive():
            dist.broadcast(sent, 0)
        value.copy_(sent)


def add_up_gradients(model: nn.Module, processes: Processes) -> None:
    """Replace the gradient of every parameter by the sum over all processes.

    One that no process has a gradient of keeps none: the optimiser leaves it alone, as it would
    with a single process.
    """
    if processes.count == 1:
        return
    for bucket in _buckets(p for p in model.parameters() if p.requires_grad):
        had = torch.tensor([float(p.grad is not None) for p in bucket], device=bucket[0].device)
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in bucket]
        flat = torch.cat([had, *(grad.reshape(-1) for grad in grads)])
        with peers_alive():
            dist.all_reduce(flat)
        counted, *sums = torch.split(flat, [len(bucket), *(p.numel() for p in bucket)])
        for parameter, count, grad, total in zip(
            bucket, counted.tolist(), grads, sums, strict=True
        ):
            parameter.grad = grad.copy_(total.view_as(grad)) if count else None


def average_statistics(model: nn.Module, share: float, processes: Processes) -> None:
    """Average the statistics that BatchNorm kept of this step, by each process's share of photos.

    SyncBatchNorm keeps the same ones everywhere by itself; frozen layers keep none.
    """
    if processes.count == 1:
        return
    kept = list(_kept_statistics(model))
    if not kept:
        return
    flat = torch.cat([value.double().reshape(-1) for value in kept]) * share
    with peers_alive():
        dist.all_reduce(flat)
    for value, mean in zip(kept, torch.split(flat, [value.numel() for value in kept]), strict=True):
        whole = mean if value.is_floating_point() else mean.round()
        value.copy_(whole.view_as(value))


def synchronise_batchnorm(
    model: BearingsModel, device: torch.device, smallest_step: int, processes: int
) -> str | None:
    """Let BatchNorm see the photos of all processes, on GPUs; returns what the log should say.

    torch has no such layer for CPUs: there each process normalises by its own photos, and the
    result depends on their number.

    Raises:
        ConfigError: A step would leave a process without photos, which such a layer cannot bear.
    """
    if processes == 1 or not any(isinstance(m, _BatchNorm) for m in model.modules()):
        return None
    if device.type != "cuda":
        return (
            f"BatchNorm normalises by the photos of each of the {processes} processes alone, "
            "as torch cannot do better on a CPU; the running statistics are averaged after every "
            "step"
        )
    if smallest_step < processes:
        raise ConfigError(
            f"a step of {smallest_step} photos leaves some of {processes} processes none, "
            "which synchronised BatchNorm cannot bear: raise batch_size, lower least_steps or "
            "start fewer processes"
        )
    # timm's own: torch's would drop the activation inside timm's normalisation layers.
    convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
    return "BatchNorm normalises by the photos of all processes"


def _kept_statistics(model: nn.Module) -> Iterator[Tensor]:
    for module in model.modules():
        if not isinstance(module, _BatchNorm) or isinstance(module, nn.SyncBatchNorm):
            continue
        if module.training and module.track_running_stats:
            for value in (module.running_mean, module.running_var, module.num_batches_tracked):
                if value is not None:
                    yield value


def _buckets(parameters: Iterable[nn.Parameter]) -> Iterator[list[nn.Parameter]]:
    bucket: list[nn.Parameter] = []
    for parameter in parameters:
        bucket.append(parameter)
        if sum(p.numel() for p in bucket) >= _BUCKET:
            yield bucket
            bucket = []
    if bucket:
        yield bucket
