"""Every check, in the order in which they run, and what none of them shows."""

from functools import partial

from benchmarks.gpu import choices, correctness, speed
from benchmarks.gpu.checks import Check, Settings

MODELS = (
    "efficientnet_b0",
    "mobilenetv3_large_100",
    "resnet34",
    "vit_small_patch16_224",
)
NOT_SHOWN = (
    "a whole default run on 6,500 photos beside the reference recipe's three trainings: "
    "`python -m benchmarks.reference_recipe`, longer than this benchmark",
)


def plan(settings: Settings) -> list[Check]:
    """Return the checks of a machine."""
    rates = [
        Check(
            f"throughput-{model}",
            f"Training of {model}, end to end, beside a bare step of the same timm model",
            30.0,
            partial(speed.throughput, backbone=model),
            least_s=20.0,
        )
        for model in settings.models
    ]
    # On a single GPU, jobs of all kinds take turns as queued runs do.
    jobs_s = 55.0 if settings.dry or settings.gpus > 1 else 0.1
    checks = [
        Check("precision", "Losses in fp32, bf16 and fp16 are those of the CPU", 20.0,
              correctness.precision),
        Check("resume", "A resumed run ends as one that was never stopped", 20.0,
              correctness.resume),
        Check("memory", "A batch that does not fit: the message names one that does", 35.0,
              correctness.memory, 25.0),
        Check("batch-size", "`--batch-size auto` finds a size that fits", 45.0,
              correctness.batch_size, 25.0),
        Check("queue", "Two queued runs take one device in turn", 55.0, correctness.queue, 45.0),
        Check("folds", "crossval --parallel places one fold a device", jobs_s,
              correctness.folds, 1.0),
        Check("trials", "tune --workers places one trial a device", jobs_s,
              correctness.trials, 1.0),
        Check("batchnorm", "BatchNorm sees the photos of two GPUs",
              30.0 if settings.gpus > 1 else 0.1, correctness.batchnorm, 1.0),
        Check("loading", "Loading and augmentation alone, by threads and by processes", 25.0,
              speed.loading),
        Check("augmentation", "Augmentation on the device alone", 8.0, choices.augmentation, 3.0),
        Check("feeding", "Training fed by threads, by processes, and augmented on the device",
              50.0, choices.feeding, 35.0),
        *rates,
        Check("formats", "Steps in both memory formats and compiled", 60.0, choices.formats, 30.0),
        Check("graphs", "Steps replayed as CUDA graphs, beside launched ones", 45.0,
              choices.graphs, 30.0),
        Check("cached-epochs", "Heads on cached features, beside a pass of the backbone an epoch",
              25.0, speed.cached_epochs, 15.0),
        Check("whole-run", "The finish of a run, as a share of it", 80.0, speed.whole_run, 20.0),
    ]  # fmt: skip
    if not settings.dry:
        return checks
    # A dry run shows that every check runs, not how long it may.
    return [Check(each.name, each.title, each.share, each.run, 0.0) for each in checks]
