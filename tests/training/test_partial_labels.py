"""Runs on data sets of which somebody labelled only a part."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from core.errors import ConfigError
from core.inference.loading import load_predictor
from core.labels import LABELS, Label
from core.model.card import read_card
from core.model.schema import ModelConfig
from core.training.data import read_training_data
from core.training.fit import fit
from core.training.interrupt import TrainingInterrupted
from core.training.run_folder import RunFolder, StepReport
from core.training.schema import TrainConfig
from core.training.session import region_shares, set_anchors
from core.training.state import Progress
from tests.stripped_demo import STRIPPED, Stripped, stripped_demo
from tests.training.launch import ending

TinyRun = Callable[..., TrainConfig]
PLACES = ModelConfig(backbone="test_resnet", weights="random", input_size=32, place_anchors=6)
LEARNED: dict[Stripped, tuple[Label, ...]] = {
    "positions": ("position", "region"),
    "regions": ("region",),
    "half_headings": LABELS,
}
FIGURES: dict[Label, tuple[str, ...]] = {
    "position": ("median_m", "mean_m"), "heading": ("maae_deg",), "region": ("region_accuracy",),
}  # fmt: skip


@pytest.fixture(params=STRIPPED)
def stripped(
    request: pytest.FixtureRequest, tiny_run: TinyRun, shared_campus: Path, tmp_path: Path
) -> tuple[TrainConfig, tuple[Label, ...]]:
    kind: Stripped = request.param
    root = stripped_demo(tmp_path / "campus", kind, demo=shared_campus)
    return tiny_run(tmp_path / "run", dataset=root, model=PLACES), LEARNED[kind]


def test_a_run_learns_and_reports_what_is_labelled(
    stripped: tuple[TrainConfig, tuple[Label, ...]],
) -> None:
    config, labels = stripped
    reports = list(fit(config))
    run, card = RunFolder(path=config.run), read_card(config.run / "checkpoints" / "best")
    assert card.labels == labels
    assert (card.region_centres is not None) == (labels == ("position", "region"))
    last = reports[-1].to_json()
    scalars = EventAccumulator(str(run.tensorboard)).Reload().Tags()["scalars"]
    for label in LABELS:
        known = label in labels
        assert (last["train"][label] is not None) == known
        assert (f"train/{label}" in scalars) == known
        for name in FIGURES[label]:
            assert (last["validation"][name] is not None) == known
            assert (f"val/{name}" in scalars) == known
            assert (f"val_{name}" in card.metrics) == known
    assert f"{np.nan}" not in json.dumps(run.events())
    assert ("the model learns" in run.log_path.read_text()) == (labels != LABELS)
    prediction = load_predictor(run.best).predict_photos(
        np.zeros(
            (2, card.preprocess.store_size or 32, card.preprocess.store_size or 32, 3), np.uint8
        )
    )
    assert prediction.labels == labels
    assert np.isfinite(prediction.position_refined_m).all() == ("position" in labels)
    assert np.isfinite(prediction.heading_refined_deg).all() == ("heading" in labels)


def test_a_run_on_half_the_headings_is_resumed_exactly(
    tiny_run: TinyRun, shared_campus: Path, tmp_path: Path
) -> None:
    root = stripped_demo(tmp_path / "campus", "half_headings", demo=shared_campus)
    whole, stopped = (
        tiny_run(tmp_path / name, dataset=root, model=PLACES, command="train", least_steps=4)
        for name in ("whole", "stopped")
    )
    list(fit(whole))

    def stop(report: StepReport) -> None:
        if (report.epoch, report.step) == (2, 2):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(TrainingInterrupted):
        list(fit(stopped, on_step=stop))
    list(fit(stopped, resume=True))
    assert ending(stopped.run) == ending(whole.run)


def test_targets_of_photos_that_lack_a_label(
    stripped: tuple[TrainConfig, tuple[Label, ...]],
) -> None:
    config, labels = stripped
    data = read_training_data(config, 32)
    rows = data.rows["train"]
    targets = data.targets(rows)
    assert (targets.position.isnan().all(dim=1).numpy() == ~data.has_target("position")[rows]).all()
    assert (targets.heading.isnan().all(dim=1).numpy() == ~data.has_target("heading")[rows]).all()
    assert ((targets.region < 0).numpy() == ~data.has_target("region")[rows]).all()
    assert data.labels == labels
    assert np.isfinite([data.normaliser.centre, data.normaliser.spread]).all()
    assert data.scale_m > 0.0
    assert len(data.gallery_rows) == len(rows)


def test_regions_around_a_place_count_the_photos_that_have_one(
    tiny_run: TinyRun, small_campus: Path, tmp_path: Path
) -> None:
    import pandas as pd

    from core.model.network import BearingsModel

    table = pd.read_csv(small_campus / "labels.csv", dtype=str)
    table.loc[::3, "Region_ID"] = ""
    table.to_csv(small_campus / "labels.csv", index=False)
    config = tiny_run(tmp_path / "run", dataset=small_campus, model=PLACES)
    data = read_training_data(config, 32)
    model = BearingsModel(config.model, len(data.regions), data.labels)
    set_anchors(model, data, config)
    assert model.place_head is not None
    shares = region_shares(model.place_head, data, 10.0)
    assert shares.sum(axis=1) == pytest.approx(np.ones(6))
    # Regions lie 150 m apart, so every anchor has one.
    assert (shares.max(axis=1) > 0.9).all()


@pytest.mark.parametrize(
    ("kind", "monitor", "words"),
    [("positions", "maae_deg", "a heading"), ("regions", "median_m", "a position")],
)
def test_an_epoch_cannot_be_chosen_by_what_nobody_labelled(
    tiny_run: TinyRun, shared_campus: Path, tmp_path: Path, kind: Stripped, monitor: str, words: str
) -> None:
    root = stripped_demo(tmp_path / "campus", kind, demo=shared_campus)
    config = tiny_run(tmp_path / "run", dataset=root, monitor=monitor)
    with pytest.raises(ConfigError, match=f"no validation photo has {words}: take monitor score"):
        list(fit(config))


def test_mean_losses_are_over_the_photos_that_have_the_label() -> None:
    progress = Progress()
    progress.add([3.0, 1.0, 1.0, 8.0, 1.0], [4, 4, 4, 1, 4])
    progress.add([2.0, 2.0, 0.0, 0.0, 0.0], [2, 2, 0, 0, 0])
    progress.add([2.0, 2.0, 3.0, 5.0, 3.0], [2, 2, 2, 2, 2])
    assert progress.means() == pytest.approx([20 / 8, 12 / 8, 10 / 6, 18 / 3, 10 / 6])
    # A state of an older version has sums, and every photo counted for each of them.
    old = Progress(sums=[8.0, 4.0, 4.0, 4.0, 0.0], photos=4)
    assert old.means() == [2.0, 1.0, 1.0, 1.0, 0.0]
