"""Every page over an ensemble, and the making of one from the list of runs."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app import cache
from app.runs import runs_page
from app.runs.models import Model
from app.widgets import ensemble
from core.ensemble.make import make_ensemble
from core.ensemble.schema import EnsembleConfig
from core.evaluation.evaluate import evaluate
from core.evaluation.schema import EvaluateConfig
from core.inference.ensemble import combine
from core.labels import Label
from core.model.card import EnsembleCard, MemberCard, read_card
from core.training.run_folder import RunFolder
from core.training.schema import TrainConfig
from tests.app.page_text import said
from tests.inference.test_partial_predictions import predicted
from tests.tiny_checkpoint import make_checkpoint

OpenPage = Callable[..., AppTest]
PAGES = ("home", "predict", "play", "data", "train", "tune", "runs", "evaluate", "map", "explain")


@pytest.fixture(scope="module")
def joined_workspace(full_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set, an ensemble of two with its report, and nothing else."""
    root = tmp_path_factory.mktemp("joined")
    campus = Path(shutil.copytree(full_workspace / "data" / "tiny", root / "data" / "tiny"))
    members = tuple(
        make_checkpoint(root / "apart" / name, campus, seed=seed)
        for seed, name in enumerate(("left", "right"))
    )
    out = root / "checkpoints" / "both"
    make_ensemble(EnsembleConfig(members=members, out=out, dataset=campus, agree_m=5.0))
    shutil.rmtree(root / "apart")
    evaluate(EvaluateConfig(run=out, dataset=campus, out=out / "report", plots=False))
    return root


@pytest.mark.parametrize("page", PAGES)
def test_a_page_opens_on_an_ensemble(
    joined_workspace: Path, open_page: OpenPage, page: str
) -> None:
    app = open_page(joined_workspace, page)
    assert not app.exception
    assert not app.error
    picked = next(box for box in app.selectbox if box.label == "Model")
    assert picked.options == ["both (ensemble of 2)"]


def test_home_says_what_it_is(joined_workspace: Path, open_page: OpenPage) -> None:
    home = said(open_page(joined_workspace, "home"))
    assert "Model **both (ensemble of 2)**, trained on Tiny campus" in home
    assert "Network: ensemble of 2 (left 50 %, right 50 %), spot split" in home


def test_evaluate_shows_the_members_beside_it(joined_workspace: Path, open_page: OpenPage) -> None:
    app = open_page(joined_workspace, "evaluate")
    assert "Members of the ensemble, on the same photos" in {each.value for each in app.subheader}
    members = next(each.value for each in app.dataframe if "share" in each.value.columns)
    assert members["name"].tolist() == ["left", "right", "ensemble"]
    assert members.drop(columns="name").notna().all(axis=None)
    assert "disagree by more than 5 m" in said(app)


def test_predict_tells_how_far_members_disagree(
    joined_workspace: Path, open_page: OpenPage
) -> None:
    app = open_page(joined_workspace, "predict")
    photo = (joined_workspace / "data" / "tiny" / "images" / "img_0000.jpg").read_bytes()
    app.file_uploader[0].upload("a.jpg", photo, "image/jpeg")
    app.run()
    assert not app.exception
    assert "The 2 members" in said(app)
    assert "evidence, and the baselines of reports, are those of its member left" in said(app)
    table = next(each.value for each in app.dataframe if "Member" in each.value.columns)
    assert table["Member"].tolist() == ["left", "right"]


@pytest.mark.parametrize(
    ("labels", "columns", "sentence"),
    [
        (("position",), ["Position"], "The 2 members agree: each is within 0.0 m of the position, "
         "which is their mean."),
        (("region",), ["Region"], "2 of the 2 members name this region."),
        (("heading", "region"), ["Region", "Facing"],
         "2 of the 2 members name this region; their headings are within 0.0° of the answer."),
        (("position", "heading"), ["Facing", "Position"], "The 2 members agree: each is within "
         "0.0 m of the position, which is their mean, and their headings are within 0.0° of the "
         "answer."),
    ],
)  # fmt: skip
def test_members_answer_what_they_predict(
    labels: tuple[Label, ...], columns: list[str], sentence: str
) -> None:
    one = predicted(labels)
    whole = combine((one, one), np.array([0.5, 0.5]), agree_m=5.0, lead=0)
    members = tuple(
        MemberCard(name=name, weight=0.5, weights="", created="", command="", metrics={})
        for name in ("left", "right")
    )
    about = EnsembleCard(
        members=members, lead="left", weighing="uniform", rule="equal", photos=2, agree_m=5.0
    )
    assert ensemble.agreement(whole, 0, about) == sentence
    table = ensemble.answers(whole, 0, about)
    assert table.columns.tolist() == ["Member", "Weight", *columns]
    assert "nan" not in table.to_string()


def test_explain_explains_the_member_that_is_picked(
    joined_workspace: Path, open_page: OpenPage
) -> None:
    app = open_page(joined_workspace, "explain")
    assert "A map explains one of them" in said(app)
    make = next(each for each in app.button if each.label == "Explain with Grad-CAM")
    make.click()
    app.run()
    first = verdict(app)
    next(each for each in app.selectbox if each.label == "Member").set_value(1).run()
    assert not app.exception
    # The map of the other member must not stay.
    assert "Press Explain to compute this map" in said(app)
    next(each for each in app.button if each.label == "Explain with Grad-CAM").click()
    app.run()
    assert verdict(app) != first


def verdict(app: AppTest) -> str:
    """What the page says about the value that its map explains."""
    return next(
        each.value for each in app.markdown if each.value.startswith("The network's own answer")
    )


@pytest.fixture
def with_two_runs(workspace_copy: Path) -> Path:
    """Two runs that are done."""
    for seed, name in enumerate(("one", "two")):
        run = RunFolder(path=workspace_copy / "runs" / name)
        make_checkpoint(run.best, workspace_copy / "data" / "tiny", seed=seed + 5)
        run.write_config(
            TrainConfig.model_validate(
                {"dataset": workspace_copy / "data" / "tiny", "run": run.path}
            )
        )
    return workspace_copy


def only_runs(models: list[Model], notes: object) -> list[Model]:
    """The test kit cannot click into a table: every listed run counts as ticked."""
    return [model for model in models if model.run is not None]


def test_ticked_runs_become_the_picked_model(
    with_two_runs: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs_page, "pick_models", only_runs)
    app = open_page(with_two_runs, "runs")
    next(each for each in app.button if each.label == "Make the ensemble").click()
    app.run()
    assert not app.exception
    assert not app.error
    about = read_card(with_two_runs / "checkpoints" / "ensemble-1").ensemble
    assert about is not None
    assert {member.name for member in about.members} == {"one", "two"}
    picked = next(box for box in app.selectbox if box.label == "Model")
    assert picked.value == "checkpoints/ensemble-1"


def test_runs_that_do_not_fit_are_told_so(
    with_two_runs: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = with_two_runs / "runs" / "one" / "checkpoints" / "best" / "card.json"
    hashed = read_card(path.parent).split.hash
    path.write_text(path.read_text().replace(hashed, "f" * 64))
    monkeypatch.setattr(runs_page, "pick_models", only_runs)
    app = open_page(with_two_runs, "runs")
    assert "These models cannot form an ensemble" in said(app)
    assert "Make the ensemble" not in {each.label for each in app.button}


def test_its_training_photos_are_its_leads(joined_workspace: Path) -> None:
    found = cache.gallery(joined_workspace / "checkpoints" / "both")
    own = cache.gallery(joined_workspace / "checkpoints" / "both" / "members" / "left")
    assert found is not None
    assert own is not None
    assert found.photo_ids == own.photo_ids
    np.testing.assert_array_equal(found.features, own.features)
