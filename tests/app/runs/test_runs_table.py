from pathlib import Path

from app.runs import runs_table
from app.runs.models import Model
from app.train.train_form import title_of
from core.jobs.summary import RunSummary
from core.options import options
from core.training.schema import TrainConfig
from tests.app.reports import honest, report


def test_the_leak_stands_beside_compared_runs() -> None:
    table = runs_table.side_by_side({"a": honest(), "b": report(0.9, 15.0)})
    assert table.loc["Leak within 5 m"].tolist() == ["25.0 %", "25.0 %"]
    assert table.loc["Median error of the other photos (m)"].tolist() == ["0.5", "–"]


def test_the_best_is_marked_only_on_the_same_photos() -> None:
    same = runs_table.side_by_side({"a": report(0.8, 12.0), "b": report(0.9, 15.0)})
    assert same.loc["Region accuracy"].tolist() == ["80.0 %", "90.0 % ★"]
    assert same.loc["Median error (m)"].tolist() == ["12.0 ★", "15.0"], "less is better"
    other = runs_table.side_by_side({"a": report(0.8, 12.0), "b": report(0.9, 15.0, "bbbbbbbb")})
    assert "★" not in "".join(other.to_numpy().ravel())


def run(name: str, **options: object) -> Model:
    config = TrainConfig.model_validate({"dataset": "data/demo", "run": name} | options)
    run = RunSummary(name, config.run, "finished", config=config)
    return Model(name, config.run, "finished", {}, run=run)


def test_only_options_that_differ_are_compared() -> None:
    table = runs_table.differing_options(
        [run("a"), run("b", batch_size=16, model={"backbone": "resnet10t"})]
    )
    assert table.index.tolist() == ["Backbone", "Batch size"]
    assert table.loc["Batch size"].tolist() == ["32", "16"]
    assert runs_table.differing_options([run("a"), run("b")]).empty
    damaged = RunSummary("x", Path("x"), "damaged")
    assert runs_table.differing_options([Model("x", Path("x"), "damaged", {}, run=damaged)]).empty


def test_an_option_is_called_as_in_the_form_and_like_no_other_column() -> None:
    models = [run("a"), run("b", stage2={"epochs": 3}, split={"protocol": "random"})]
    table = runs_table.listing(models, {})
    assert {"Split", "Epochs", "Split and its hash", "Epochs done"} <= set(table.columns)
    assert table.columns.is_unique
    titles = [title_of(option.path) for option in options(TrainConfig)]
    assert len(titles) == len(set(titles))
    assert not set(runs_table.listing([run("a")], {}).columns) & set(titles)
