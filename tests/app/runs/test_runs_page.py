"""The Runs page: the list, notes and tags, comparisons, cross-validations."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from app.runs import crossval, runs_page
from core.files import write_json
from core.jobs.notes import Notes, read_notes, write_notes
from core.locks import hold
from core.splits.split import Split
from tests.app.page_text import said
from tests.app.run_folders import write_run
from tests.crossval.conftest import tiny_crossval
from tests.evaluation.simulated import simulated
from tests.tiny_checkpoint import make_checkpoint, stored_split, with_split

OpenPage = Callable[..., AppTest]
SENTENCE = "second is better than first: in "


@pytest.fixture
def with_runs(workspace_copy: Path) -> Path:
    write_run(workspace_copy, "first")
    write_run(workspace_copy, "second", batch_size=16, model={"backbone": "resnet10t"})
    os.utime(workspace_copy / "runs" / "first" / "config.json", (1, 1))
    return workspace_copy


def judge(root: Path, home: str, split_hash: str = "a" * 64, shift_m: float = 0.0) -> None:
    """Give a run or checkpoint a report whose photos lie in 40 simulated spots."""
    source = root / "checkpoints" / "tiny" / "report" / "report.json"
    report = json.loads(source.read_text(encoding="utf-8"))
    report["split"]["hash"] = split_hash
    folder = root / home / "reports" / "test"
    write_json(folder / "report.json", report)
    model = simulated(home, np.random.default_rng(len(home)), shift_m=shift_m)
    model.table.to_csv(folder / "predictions.csv", index=False)


@pytest.fixture
def all_ticked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test kit cannot click into a table: every listed run counts as ticked."""
    monkeypatch.setattr(
        runs_page, "pick_models", lambda models, *_: [one for one in models if one.run]
    )


def test_runs_are_listed_with_the_options_that_differ_and_the_newest_chosen(
    with_runs: Path, open_page: OpenPage
) -> None:
    app = open_page(with_runs, "runs")
    assert not app.exception
    table = app.dataframe[0].value
    assert table["Run"].tolist() == ["second", "first", "checkpoints/tiny"]
    assert table["State"].tolist() == ["finished", "finished", "imported"]
    assert table["Validation median error (m)"].tolist()[:2] == [45.0, 45.0]
    assert table["Batch size"].tolist() == ["16", "32", ""]
    assert table["Backbone"].tolist()[::2] == ["resnet10t", "test_resnet"]
    same = {"Tags", "Note", "Dataset", "Seed", "Run folder", "Command"}
    assert same & set(table.columns) == set(), "what is the same everywhere is no column"
    assert "python -m core evaluate runs/second" in said(app)
    assert any(one.label == "Watch" for one in app.button)


@pytest.mark.usefixtures("all_ticked")
def test_runs_judged_on_the_same_photos_are_told_apart(
    with_runs: Path, open_page: OpenPage
) -> None:
    judge(with_runs, "runs/first")
    judge(with_runs, "runs/second", shift_m=-8.0)
    app = open_page(with_runs, "runs")
    assert not app.exception
    assert app.success[0].value.startswith(SENTENCE)
    assert "★" in "".join(app.dataframe[0].value.to_numpy().ravel())
    assert len(app.get("plotly_chart")) == 1, "the forest"
    assert "200 photos in 40 spots" in said(app)
    regions = app.dataframe[1].value
    assert regions["Region"].tolist() == ["0", "1 Gate"]
    assert "not ranked" not in said(app)
    app.selectbox(key="runs_0_reference").set_value("second").run()
    assert app.error[0].value.startswith("first is worse than second")


@pytest.mark.usefixtures("all_ticked")
def test_runs_on_other_splits_are_shown_in_groups_and_not_ranked(
    with_runs: Path, open_page: OpenPage
) -> None:
    judge(with_runs, "runs/first")
    judge(with_runs, "runs/second", "b" * 64, shift_m=-8.0)
    app = open_page(with_runs, "runs")
    assert not app.exception
    assert "not ranked" in app.warning[0].value
    assert [list(frame.value.columns) for frame in app.dataframe] == [["second"], ["first"]]
    assert "★" not in "".join("".join(f.value.to_numpy().ravel()) for f in app.dataframe)
    assert len(app.success) == len(app.get("plotly_chart")) == 0


def test_a_checkpoint_is_a_row_like_any_other(
    with_runs: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge(with_runs, "runs/second", shift_m=-8.0)
    judge(with_runs, "checkpoints/tiny")
    monkeypatch.setattr(
        runs_page, "pick_models", lambda models, *_: [one for one in models if one.name != "first"]
    )
    app = open_page(with_runs, "runs")
    assert not app.exception
    assert app.success[0].value.startswith("second is better than checkpoints/tiny")


@pytest.mark.usefixtures("all_ticked")
def test_curves_and_options_of_chosen_runs(with_runs: Path, open_page: OpenPage) -> None:
    app = open_page(with_runs, "runs", runs_section="Learning curves")
    assert not app.exception
    assert len(app.get("plotly_chart")) == 4
    app = open_page(with_runs, "runs", runs_section="Options that differ")
    assert app.dataframe[0].value.index.tolist() == ["Backbone", "Batch size"]


def test_options_stand_against_figures_and_a_run_knows_where_it_comes_from(
    with_runs: Path, open_page: OpenPage
) -> None:
    app = open_page(with_runs, "runs", runs_section="Options against figures")
    assert not app.exception
    assert len(app.get("plotly_chart")) == 1
    assert app.multiselect(key="runs_axes").value == ["Backbone", "Batch size"]
    table = app.dataframe[1].value
    assert table.loc["first", "Median error (m)"] == 45.0
    assert table.loc["second", "Batch size"] == "16"
    shutil.rmtree(with_runs / "runs" / "first")
    (with_runs / "runs" / "second" / "split.json").unlink()
    app = open_page(with_runs, "runs", runs_section="Options against figures")
    assert "needs two runs" in said(app)
    app = open_page(with_runs, "runs", runs_section="Lineage")
    assert not app.exception
    assert "resnet10t at its own size" in said(app)
    assert "2 trained" in said(app)


def test_notes_are_written_beside_the_run_and_tags_choose_runs(
    with_runs: Path, open_page: OpenPage
) -> None:
    write_notes(with_runs / "runs" / "first", Notes(text="slow start", tags=("night",)))
    app = open_page(with_runs, "runs")
    table = app.dataframe[0].value
    assert table["Tags"].tolist() == ["", "night", ""]
    assert table["Note"].tolist() == ["", "slow start", ""]
    app.text_area(key="runs_note_second").set_value("  wider ")
    app.multiselect(key="runs_tagged_second").set_value(["night"])
    next(one for one in app.button if one.label == "Save").click().run()
    assert not app.exception
    assert read_notes(with_runs / "runs" / "second") == Notes(text="wider", tags=("night",))
    write_notes(with_runs / "runs" / "second", Notes(tags=("day",)))
    app = open_page(with_runs, "runs")
    app.multiselect(key="runs_tags").set_value(["night"]).run()
    assert app.dataframe[0].value["Run"].tolist() == ["first"]


def test_damaged_notes_are_told(with_runs: Path, open_page: OpenPage) -> None:
    (with_runs / "runs" / "first" / "notes.json").write_text("{", encoding="utf-8")
    app = open_page(with_runs, "runs")
    assert not app.exception
    assert "notes.json is damaged" in app.warning[0].value


def button(app: AppTest, label: str) -> Button:
    return next(one for one in app.button if one.label == label)


def test_two_models_are_judged_on_the_same_photos_with_one_click(
    workspace_copy: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The second lacks a report, and was trained on two photos that the first is tested on.
    models, campus = workspace_copy / "checkpoints", workspace_copy / "data" / "tiny"
    first = models / "tiny"
    second = make_checkpoint(models / "other", campus, refine=None, seed=1)
    split = stored_split(first)
    tested = sorted(photo for photo, part in split.parts.items() if part == "test")
    taken = split.parts | dict.fromkeys(tested[:2], "train")
    with_split(second, Split("spot", 1, None, None, taken))  # type: ignore[arg-type]
    monkeypatch.setattr(runs_page, "pick_models", lambda models, *_: list(models))
    app = open_page(workspace_copy, "runs")
    assert not app.exception
    count = len(tested) - 2
    assert f"{count} photos of `data/tiny` are test photos of both" in said(app)
    button(app, "Judge both on the same photos").click().run()
    assert not app.exception
    assert "Judged on the same photos." in said(app)
    assert f"{count} photos in" in said(app)
    assert len(app.get("plotly_chart")) == 1, "the forest of paired differences"
    shutil.rmtree(first / "report")
    every = split.parts | dict.fromkeys(tested, "val")
    with_split(second, Split("random", 2, None, None, every | {tested[0]: "train"} | {
        next(photo for photo, part in split.parts.items() if part == "train"): "test"
    }))  # type: ignore[arg-type]  # fmt: skip
    app = open_page(workspace_copy, "runs")
    assert "is a test photo of both models" in app.warning[0].value
    assert not any(one.label.startswith("Judge") for one in app.button)


def test_a_run_is_deleted_after_its_contents_are_named(
    with_runs: Path, open_page: OpenPage
) -> None:
    judge(with_runs, "runs/second")
    app = open_page(with_runs, "runs", checkpoint="runs/second/checkpoints/best")
    button(app, "Delete …").click().run()
    assert not app.exception
    assert "the figures of 2 epochs" in said(app)
    assert "1 report with predictions" in said(app)
    assert (with_runs / "runs" / "second").is_dir()
    button(app, "Delete it").click().run()
    assert not app.exception
    assert not (with_runs / "runs" / "second").exists()
    assert app.dataframe[0].value["Run"].tolist() == ["first", "checkpoints/tiny"]
    assert app.selectbox(key="checkpoint").value == "checkpoints/tiny"


def test_a_running_job_is_not_deleted(with_runs: Path, open_page: OpenPage) -> None:
    app = open_page(with_runs, "runs")
    button(app, "Delete …").click().run()
    with hold(with_runs / "runs" / "second"):
        button(app, "Delete it").click().run()
    assert not app.exception
    assert "cancel it first" in app.error[0].value
    assert (with_runs / "runs" / "second").is_dir()


@pytest.fixture
def finished_crossval(shared_campus: Path, tmp_path: Path) -> Path:
    """A cross-validation of three tiny folds."""
    from core.crossval.run import cross_validate  # torch: only for this one
    from tests.inline_jobs import Inline

    out = tmp_path / "made"
    with pytest.MonkeyPatch.context() as patch:
        Inline().put_in(patch)
        cross_validate(tiny_crossval(shared_campus, out))
    return out


@pytest.mark.slow
def test_cross_validations_have_their_own_section(
    finished_crossval: Path, tmp_path: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("cv-a", "cv-b"):
        shutil.copytree(finished_crossval, tmp_path / "runs" / name)
    app = open_page(tmp_path, "runs")
    assert not app.exception
    table = app.dataframe[0].value.set_index("Cross-validation")
    report = json.loads((finished_crossval / "crossval.json").read_text(encoding="utf-8"))
    median = report["summary"]["position.refined.median_m"]
    pooled = report["pooled"]["position"]["refined"]["median_m"]
    low, high = report["pooled"]["intervals"]["refined"]["median_m"]
    whole = f"{pooled:.1f}: {low:.1f} to {high:.1f}"
    expected = f"{median['mean']:.1f} ± {median['sd']:.1f} ({whole})"
    assert table.loc["cv-a", "Median error (m)"] == expected
    assert table.loc["cv-a", "Folds done"] == "3 of 3"
    assert app.dataframe[1].value["n"].sum() == report["pooled"]["n"], "regions of all photos"
    monkeypatch.setattr(crossval, "pick", list)
    app = open_page(tmp_path, "runs")
    assert not app.exception
    assert "cv-a and cv-b are not distinguishable" in app.info[0].value
    (tmp_path / "runs" / "cv-a" / "crossval.json").unlink()
    app = open_page(tmp_path, "runs")
    assert "python -m core crossval --out runs/cv-a --resume" in said(app)
