"""`python -m benchmarks.reference_recipe DATASET --out DIR [options]`.

    python -m benchmarks.reference_recipe data/demo --out runs/reference \
        --backbone mobilenetv2_100 --weights mobilenetv2_100.safetensors --input-size 96 --epochs 20
    python -m core compare runs/reference runs/ours

Trains and judges the student teams' recipe on the photos, split, pixels, backbone and epochs that a
training run with the same options has. DIR holds what a report folder holds.
"""

import argparse
import sys

from benchmarks.reference_recipe.run import run_reference
from core.cli.command import say
from core.cli.flags import add_flags, given, validated
from core.cli.train import SHORT
from core.errors import BearingsError
from core.training.schema import TrainConfig

# What is the reference's own, or says nothing here.
WITHOUT = (
    "dataset", "run", "command", "augment", "loss", "refine", "gallery_dimensions", "p_known",
    "patience", "monitor", "clip_norm", "ema_decay", "device", "precision",
    "workers", "checkpoint_dtype", "wandb",
)  # fmt: skip


def main() -> int:
    """Train, judge, and print the figures in a line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reference_recipe",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("dataset", help="folder with labels and photos")
    parser.add_argument("--out", required=True, help="folder of the report")
    present = tuple(name for name in WITHOUT if name in TrainConfig.model_fields)
    add_flags(parser, TrainConfig, short=SHORT, without=present)
    arguments = parser.parse_args()
    values = given(arguments) | {"dataset": arguments.dataset, "run": arguments.out}
    try:
        run = run_reference(validated(TrainConfig, values, SHORT), say)
    except BearingsError as error:
        say(f"Error: {error}")
        return 2
    raw, refined = run.report.figures("raw"), run.report.figures("refined")
    sys.stdout.write(
        f"region {refined.region_accuracy:.3f}, median {raw.median_m:.1f} m, "
        f"refined {refined.median_m:.1f} m (given the truth "
        f"{run.oracle.errors.refined.figures().median_m:.1f} m), MAAE {raw.maae_deg:.1f} "
        f"degrees, {run.cpu_seconds:.0f} processor seconds\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
