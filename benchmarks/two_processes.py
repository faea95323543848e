"""Speed-up by a second process: `python -m benchmarks.two_processes DATASET [--rounds 3]`.

The same fine-tuning by one and by two processes of one thread each, in turn, so that other load on
the machine affects both. Two figures a round, over the epochs after the first: photos a
second, and photos a processor second of all processes together. The second shows what sharing adds
in work, and holds on a busy machine too; the first adds what the processes wait for each other, and
holds on an idle one only.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean, median

from core.dataset.augment_schema import AugmentConfig
from core.model.schema import ModelConfig
from core.retrieval.schema import RefineConfig
from core.training.schema import Stage1Config, Stage2Config, TrainConfig


def options(dataset: str, run: Path, epochs: int) -> TrainConfig:
    """Fine-tune a small residual network."""
    return TrainConfig(
        dataset=Path(dataset),
        run=run,
        model=ModelConfig(backbone="resnet10t", weights="random", input_size=112),
        augment=AugmentConfig(),
        stage1=Stage1Config(epochs=0),
        stage2=Stage2Config(epochs=epochs),
        refine=RefineConfig(method="none"),
        precision="fp32",
        threads=1,
        device="cpu",
        patience=0,
    )


def learn(path: str) -> None:
    """Train in one process; print photos a second and CPU seconds after the first epoch."""
    from core.training.fit import fit

    rates, used = [], []
    for report in fit(TrainConfig.model_validate_json(Path(path).read_text())):
        rates.append(report.photos_per_s)
        used.append(time.process_time())
    figures = {"photos_per_s": mean(rates[1:]), "cpu_s": used[-1] - used[0]}
    sys.stdout.write(json.dumps(figures) + "\n")


def measure(dataset: str, processes: int, epochs: int) -> tuple[float, float]:
    """Train once; returns photos a second and processor seconds of all processes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "options.json"
        path.write_text(options(dataset, Path(folder) / "run", epochs).model_dump_json())
        launcher = ["torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m"]
        done = subprocess.run(
            [sys.executable, "-m", *launcher, "benchmarks.two_processes", "--learn", str(path)],
            check=True,
            stdout=subprocess.PIPE,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
    figures = [json.loads(line) for line in done.stdout.splitlines()]
    return figures[0]["photos_per_s"], sum(process["cpu_s"] for process in figures)


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--learn", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.learn:
        learn(args.dataset)
        return 0
    pairs = []
    for number in range(args.rounds):
        one, two = (measure(args.dataset, count, args.epochs) for count in (1, 2))
        pairs.append((two[0] / one[0] / 2.0, one[1] / two[1]))
        sys.stdout.write(
            f"round {number + 1}: {one[0]:.1f} and {two[0]:.1f} photos/s, efficiency "
            f"{pairs[-1][0]:.2f}; {one[1]:.1f} and {two[1]:.1f} CPU s, efficiency of the work "
            f"{pairs[-1][1]:.2f}; load {os.getloadavg()[0]:.1f}\n"
        )
        sys.stdout.flush()
    medians = [median(column) for column in zip(*pairs, strict=True)]
    sys.stdout.write(f"medians: efficiency {medians[0]:.2f}, of the work {medians[1]:.2f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
