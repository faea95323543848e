"""A run from its first step to its last file, on a tiny campus."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.dataset.augment_schema import AugmentConfig
from core.dataset.labels import labels_hash, read_dataset
from core.dataset.store import prepare_dataset
from core.errors import BearingsError, ConfigError, RunError
from core.evaluation.evaluate import evaluate
from core.evaluation.schema import EvaluateConfig
from core.inference.loading import load_predictor
from core.inference.stored_split import load_split
from core.model.checkpoint import load_checkpoint, read_card
from core.model.losses import Losses
from core.model.schema import ModelConfig, TtaConfig
from core.retrieval import xfeat
from core.retrieval.gallery import Gallery
from core.retrieval.schema import RefineConfig
from core.retrieval.select import Raw
from core.training.fit import fit
from core.training.run_folder import EpochReport, RunFolder, StepReport
from core.training.samples import MOST, read_samples
from core.training.schema import Stage1Config, Stage2Config, TrainConfig
from tests.retrieval.scenes import furnish

Finished = tuple[TrainConfig, list[EpochReport], list[StepReport]]
TinyRun = Callable[..., TrainConfig]


@pytest.fixture(scope="module")
def finished(tiny_run: TinyRun, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    config = tiny_run(tmp_path_factory.mktemp("runs") / "a", command="train it")
    steps: list[StepReport] = []
    return config, list(fit(config, on_step=steps.append)), steps


def test_every_epoch_and_step_is_reported(finished: Finished) -> None:
    _, reports, steps = finished
    assert [(r.stage, r.epoch, r.epochs) for r in reports] == [("heads", 1, 2), ("fine-tune", 2, 2)]
    per_epoch = steps[0].steps
    assert [(s.epoch, s.step) for s in steps] == [
        (epoch, step + 1) for epoch in (1, 2) for step in range(per_epoch)
    ]
    assert reports[-1].step == 2 * per_epoch


def test_few_photos_make_as_many_steps_as_were_asked_for(tiny_run: TinyRun, tmp_path: Path) -> None:
    """In both stages: 36 photos in steps of 9, in place of the 16 of a step."""
    config = tiny_run(tmp_path / "run", least_steps=4)
    steps: list[StepReport] = []
    reports = list(fit(config, on_step=steps.append))
    told = [(s.stage, s.epoch, s.step, s.steps) for s in steps]
    assert told == [
        (stage, epoch, step, 4)
        for stage, epoch in (("heads", 1), ("fine-tune", 2))
        for step in (1, 2, 3, 4)
    ]
    assert reports[-1].step == 8
    log = RunFolder(path=config.run).log_path.read_text()
    assert "36 training photos: 9 photos a step instead of 16" in log


def test_the_run_folder_tells_everything(finished: Finished) -> None:
    config, reports, _ = finished
    run = RunFolder(path=config.run)
    assert run.config() == config
    assert run.events() == [json.loads(json.dumps(r.to_json())) for r in reports]
    status = run.status()
    assert status is not None
    assert (status.state, status.epoch, status.eta_s) == ("finished", 2, None)
    made_with = run.read_json("environment.json")
    assert made_with["versions"]["torch"]
    labels = labels_hash(read_dataset(config.dataset))
    assert made_with["data"] == {"labels_hash": labels, "photos": 48, "repairs": 0}
    assert list(run.tensorboard.glob("events.out.tfevents.*"))
    log = run.log_path.read_text()
    assert "48 photos of Tiny campus in 4 regions; spot split" in log
    assert "0 rows left out" in log


def test_a_few_validation_photos_keep_the_answer_of_each_epoch(finished: Finished) -> None:
    config, reports, _ = finished
    samples = read_samples(config.run)
    assert [sample.epoch for sample in samples] == [report.epoch for report in reports]
    validation = set(RunFolder(path=config.run).read_json("split.json")["parts"]["val"])
    for sample in samples:
        assert len(sample.photos) == min(MOST, len(validation))
        assert {photo.photo_id for photo in sample.photos} <= validation
        assert all(photo.error_m is not None for photo in sample.photos)
        assert all(photo.turned_deg is not None for photo in sample.photos)
    first, last = samples[0].photos, samples[-1].photos
    assert [one.photo_id for one in first] == [one.photo_id for one in last], "the same photos"
    assert [one.true_position_m for one in first] == [one.true_position_m for one in last]
    assert [one.position_m for one in first] != [one.position_m for one in last]
    if len(validation) <= MOST:
        errors = [photo.error_m for photo in last if photo.error_m is not None]
        assert float(np.median(errors)) == pytest.approx(reports[-1].validation.median_m, abs=0.02)


def test_the_best_checkpoint_is_complete(finished: Finished) -> None:
    config, reports, _ = finished
    run = RunFolder(path=config.run)
    card = read_card(run.best)
    best = min(reports, key=lambda report: report.validation.score)
    assert card.metrics["val_score"] == best.validation.score
    assert card.command == "train it"
    assert RefineConfig.model_validate(card.refine)
    split = run.read_json("split.json")
    assert card.split.hash == split["hash"]
    gallery = Gallery.load(run.best)
    assert set(gallery.photo_ids) == set(split["parts"]["train"])
    assert json.loads((run.best / "split.json").read_text()) == split
    assert load_checkpoint(run.last).card.regions == ("1", "2", "3", "4")


def test_refined_validation_is_never_worse_than_raw(finished: Finished) -> None:
    metrics = read_card(RunFolder(path=finished[0].run).best).metrics
    assert metrics["val_median_refined_m"] <= metrics["val_median_m"] + 1e-3


def test_a_tiny_campus_is_learnt(tiny_run: TinyRun, tmp_path: Path) -> None:
    config = tiny_run(
        tmp_path / "run",
        stage2=Stage2Config(epochs=12, lr_heads=5e-3),
        stage1=Stage1Config(epochs=0),
        batch_size=8,
        augment=AugmentConfig.off(),
    )
    reports = list(fit(config))
    assert reports[-1].train.total < 0.6 * reports[0].train.total
    assert max(report.validation.region_accuracy for report in reports) >= 0.75


def test_pretrained_defaults_train_the_heads_first() -> None:
    config = TrainConfig(dataset=Path("d"), run=Path("r"))
    assert (config.stage1_epochs, config.lr_backbone) == (2, 1e-3)
    random = config.model_copy(update={"model": ModelConfig(weights="random", place_anchors=0)})
    assert (random.stage1_epochs, random.lr_backbone) == (0, random.stage2.lr_heads)


def test_a_taken_run_folder_is_left_alone(finished: Finished) -> None:
    before = RunFolder(path=finished[0].run).events()
    with pytest.raises(RunError, match="not empty"):
        list(fit(finished[0]))
    with pytest.raises(RunError, match="is finished"):
        list(fit(finished[0], resume=True))
    assert RunFolder(path=finished[0].run).events() == before


def test_a_run_that_fails_says_why(tiny_run: TinyRun, small_campus: Path, tmp_path: Path) -> None:
    (small_campus / "labels.csv").write_text("nothing\n1\n")
    config = tiny_run(tmp_path / "run", dataset=small_campus)
    with pytest.raises(BearingsError):
        list(fit(config))
    status = RunFolder(path=config.run).status()
    assert status is not None
    assert status.state == "failed"
    assert "labels.csv" in status.message


def test_a_diverging_run_stops_and_says_what_to_do(
    tiny_run: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = Losses.stacked
    monkeypatch.setattr(Losses, "stacked", lambda losses: honest(losses) * float("nan"))
    with pytest.raises(RunError, match=r"is no number in epoch 1, step 1: lower --stage1\.lr"):
        list(fit(tiny_run(tmp_path / "run")))


def test_a_refinement_that_asks_too_much_is_refused_before_training(
    tiny_run: TinyRun, tmp_path: Path
) -> None:
    config = tiny_run(tmp_path / "run", refine=RefineConfig(k=500))
    with pytest.raises(ConfigError, match=r"refine\.k"):
        list(fit(config))
    assert RunFolder(path=config.run).events() == []


def test_a_run_with_crops_makes_its_gallery_of_crops_too(tiny_run: TinyRun, tmp_path: Path) -> None:
    config = tiny_run(tmp_path / "run", tta=TtaConfig(views=3, side=0.8))
    list(fit(config))
    predictor = load_predictor(config.run)
    assert predictor.card.tta is not None
    assert 30.0 < predictor.card.tta.hfov_deg < 90.0
    assert predictor.gallery is not None
    dataset, store = prepare_dataset(config.dataset, predictor.store_size)
    split = load_split(predictor.folder)
    rows = split.rows(dataset, "train")[:3]
    found = predictor.predict_photos(np.asarray(store.photos[rows]))
    # Each training photo lies in the gallery as it is seen now, and not as a single view shows it.
    own = dataset.table["photo_id"].iloc[rows].tolist()
    kept = predictor.gallery.features[[predictor.gallery.row_of[name] for name in own]]
    assert predictor.gallery.embed(found.descriptor) == pytest.approx(kept, abs=1e-3)
    card = predictor.card.model_copy(update={"tta": None})
    single = replace(predictor, loaded=replace(predictor.loaded, card=card))
    alone = single.predict_photos(np.asarray(store.photos[rows])).descriptor
    assert predictor.gallery.embed(alone) != pytest.approx(kept, abs=1e-3)
    figures = predictor.card.metrics
    assert figures["val_median_refined_m"] <= figures["val_median_m"] + 1e-3


def test_the_end_of_a_run_compares_validation_photos_by_their_points(
    tiny_run: TinyRun, shared_campus: Path, tmp_path: Path
) -> None:
    # The default of users who installed the requirements; other tests take SIFT.
    kind = "xfeat" if xfeat.installed() else "sift"
    campus = furnish(shared_campus, tmp_path / "campus")
    refine = RefineConfig(
        method="retrieval",
        k=1,
        heading_k=1,
        blend_heading=1.0,
        points_weight=10.0,
        turn_hfov_deg=40,
    )
    config = tiny_run(
        tmp_path / "run",
        dataset=campus,
        store_size=128,
        refine=refine,
        gallery_points=30,
        local_features=kind,
    )
    list(fit(config))
    best = config.run / "checkpoints" / "best"
    local = Gallery.load(best).local
    assert local is not None
    assert local.method.features == kind
    assert np.diff(local.first).max() == 30
    options = {"run": config.run, "dataset": campus, "split": "val", "out": tmp_path / "report"}
    table = evaluate(EvaluateConfig(**options, device="cpu", plots=False)).table
    median_m = table["error_refined_m"].median()
    maae_deg = table["heading_error_refined_deg"].mean()
    told = read_card(best).metrics
    assert told["val_median_refined_m"] == pytest.approx(median_m, abs=0.01)
    assert told["val_maae_refined_deg"] == pytest.approx(maae_deg, abs=0.01)


def test_points_are_verified_with_the_field_of_view_of_the_training_photos(
    tiny_run: TinyRun, small_campus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (small_campus / "campus.toml").open("a", encoding="utf-8") as file:
        file.write("\n[camera]\nhfov_deg = 50.0\n")
    told: list[float] = []

    def note(raw: Raw, photos: object, gallery: Gallery, hfov_deg: float, *_: object) -> Raw:
        told.append(hfov_deg)
        return raw

    monkeypatch.setattr("core.training.finish.verified_raw", note)
    list(fit(tiny_run(tmp_path / "run", dataset=small_campus, gallery_points=30)))
    assert told == [pytest.approx(50.0, abs=0.5)]


def test_a_run_may_keep_no_points(tiny_run: TinyRun, tmp_path: Path) -> None:
    config = tiny_run(tmp_path / "run", gallery_points=0)
    list(fit(config))
    assert Gallery.load(config.run / "checkpoints" / "best").local is None
