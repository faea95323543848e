"""A study that was searched without training."""

from pathlib import Path

from core.model.schema import ModelConfig
from core.training.schema import TrainConfig
from core.tuning.folder import StudyFolder
from core.tuning.sampling import draw, frozen
from core.tuning.schema import TuneConfig
from core.tuning.space import Distribution
from core.tuning.trials import Trial, read_trials, write_trial

SPACE = {
    "stage2.lr_heads": Distribution(low=1e-4, high=1e-2, log=True),
    "model.region_dropout": Distribution(low=0.0, high=0.5),
    "augment.crop_scale": Distribution(choices=([0.8, 1.0], [0.6, 1.0])),
    "schedule.kind": Distribution(choices=("cosine", "plateau")),
}


def searched(root: Path, dataset: Path, trials: int = 8) -> Path:
    """A study whose trials were told: one pruned, one failed, the rest better and better."""
    path = root / "runs" / "tune-1"
    model = ModelConfig(backbone="test_resnet", weights="random", input_size=32, place_anchors=0)
    train = TrainConfig(dataset=dataset, run=path, model=model)
    config = TuneConfig(study=path, trials=trials, space=SPACE, train=train)
    folder = StudyFolder.of(config)
    folder.begin(config)
    for number in range(trials):
        known = [frozen(config, trial, {}) for trial in read_trials(path)]
        value = 0.9 - 0.05 * number
        ended: dict[str, object] = {"state": "finished", "value": value}
        if number == 1:
            ended = {"state": "pruned"}
        elif number == 2:
            ended = {"state": "failed", "reason": "RuntimeError: CUDA out of memory"}
        trial = Trial(number=number, values=draw(config, known), epochs=1)
        write_trial(path, trial.model_copy(update=ended))
        run = folder.run(number)
        run.path.mkdir()
        run.append_event({"epoch": 1, "best": True, "validation": {"score": value}})
    return path
