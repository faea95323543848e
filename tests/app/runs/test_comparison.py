from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from app import absence
from app.figures.comparison import forest
from app.runs import compared as compared_models
from app.runs.comparison import (
    figures_table,
    forest_table,
    measures_by_region,
    region_table,
    wins,
)
from app.runs.models import Model, groups
from app.theme import DARK, LIGHT, Palette
from core.comparison.compare import Compared, compare_all
from core.evaluation.report import Report, SplitReport
from core.evaluation.schema import CompareConfig
from tests.evaluation.simulated import perturbed, simulated
from tests.evaluation.test_report import stored


@pytest.fixture(scope="module")
def compared() -> Compared:
    model = simulated("base", np.random.default_rng(0), shift_m=6.0, spot_sd_m=6.0)
    table = model.table
    better = perturbed(
        model, "better", error_refined_m=table["error_refined_m"] / 3.0,
        heading_error_refined_deg=table["heading_error_refined_deg"] / 3.0,
        region=table["true_region"],
    )  # fmt: skip
    # Region 1 alone is worse; region rare has too few spots to tell.
    worse = perturbed(
        model, "worse",
        error_refined_m=table["error_refined_m"] + 20.0 * (table["true_region"] == "1"),
    )  # fmt: skip
    rare = table["true_region"].mask(table.index < 10, "rare")
    models = [perturbed(each, each.name, true_region=rare) for each in (model, better, worse)]
    return compare_all(models, CompareConfig(draws=400))


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_in_the_forest_right_is_better_in_every_panel(compared: Compared, palette: Palette) -> None:
    figure = forest(forest_table(compared.pairs), palette)
    drawn = [trace for trace in figure.data if trace.name == "better"]
    assert len(drawn) == 3, "a panel for shares, one for metres, one for degrees"
    assert [trace.showlegend for trace in drawn] == [True, False, False]
    for trace in drawn:
        axis = figure.layout[f"xaxis{trace.xaxis[1:]}"]
        left, right = axis.range
        assert left == -right
        for value, symbol in zip(trace.x, trace.marker.symbol, strict=True):
            assert value * right > 0, "the improvement lies on the right"
            assert symbol == "triangle-right"
        assert max(np.abs(trace.x)) < abs(right)
    texts = [figure.layout[name].title.text for name in ("xaxis", "xaxis2", "xaxis3")]
    for word, text in zip(("points", "metres", "degrees"), texts, strict=True):
        assert word in text


def test_intervals_are_drawn_about_the_difference_in_the_unit_of_the_axis(
    compared: Compared,
) -> None:
    trace = forest(forest_table(compared.pairs), LIGHT).data[0]
    found = compared.pairs[0].differences[0]
    assert found.measure.unit == "share"
    assert trace.x[0] == pytest.approx(100.0 * found.difference)
    assert trace.x[0] + trace.error_x.array[0] == pytest.approx(100.0 * (found.high or 0.0))
    assert trace.x[0] - trace.error_x.arrayminus[0] == pytest.approx(100.0 * (found.low or 0.0))


def test_one_model_needs_no_legend_and_no_difference_no_division(compared: Compared) -> None:
    table = forest_table(compared.pairs[:1])
    assert not forest(table, LIGHT).layout.showlegend
    none = table.assign(difference=0.0, low=np.nan, high=np.nan, verdict="not distinguishable")
    figure = forest(none, LIGHT)
    assert figure.layout.xaxis.range == (-1.0, 1.0)
    assert set(figure.data[0].marker.symbol) == {"circle-open"}


def test_regions_won_and_lost(compared: Compared) -> None:
    table = region_table(compared.pairs, "median_m", {"1": "1 Gate"}).set_index("Region")
    assert table.index.tolist() == ["0", "1 Gate", "rare"]
    assert table.columns.tolist() == ["Photos", "Spots", "better", "worse"]
    assert table["Photos"].sum() == 200
    assert table.loc["1 Gate", "worse"].startswith("▼ +20.0 m (")
    assert table.loc["1 Gate", "better"].startswith("▲ -")
    assert table.loc["0", "worse"] == "0.0 m (0.0 to 0.0)"
    assert table.loc["rare", "better"].endswith("(too few photos)")
    assert wins(compared.pairs[1], "median_m") == (
        "**worse**, of 3 regions: better in 0, worse in 1, not distinguishable in 1, too few spots "
        "in 1."
    )


def test_figures_in_words(compared: Compared) -> None:
    table = figures_table(compared.pairs[0]).set_index("Measure")
    assert table.columns.tolist() == ["base", "better", "Difference", "Interval", "Verdict"]
    assert set(table["Verdict"]) == {"▲ better"}
    assert table.loc["Median position error", "base"].endswith(" m")
    assert table.loc["Region accuracy", "better"] == "95.0 %"


HEADINGS = ("heading_error_deg", "heading_error_refined_deg")
POSITIONS = ("error_m", "error_refined_m")


def without(*columns: str, region: bool = True) -> Compared:
    """A model with everything against one without some figures and against a whole one."""
    base = simulated("base", np.random.default_rng(0), spots=24)
    if not region:
        base = perturbed(base, "base", true_region="", region="")
    less = perturbed(base, "less", **dict.fromkeys(columns, np.nan))
    return compare_all([base, less, perturbed(base, "whole")], CompareConfig(draws=200))


def by_region(found: Compared) -> list[str]:
    return [measure.name for measure in measures_by_region(found.pairs)]


def test_only_what_both_models_have_is_compared_by_region() -> None:
    pairs = without(*HEADINGS).pairs
    assert by_region(without(*HEADINGS)) == ["region_accuracy", "median_m", "maae_deg"]
    table = region_table(pairs, "maae_deg", {}).set_index("Region")
    assert set(table["less"]) == {"–"}
    assert table.loc["0", "whole"] == "0.0° (0.0 to 0.0)"
    assert wins(pairs[0], "maae_deg") == (
        "**less** is not compared with base in headings: one of them predicts none, or no photo "
        "has a heading."
    )
    apart = without(*POSITIONS)
    pair = replace(apart, pairs=apart.pairs[:1])
    assert by_region(pair) == ["region_accuracy", "maae_deg"]
    table = region_table(pair.pairs, "maae_deg", {})
    assert set(table["less"]) == {"0.0° (0.0 to 0.0)"}


def _differences() -> None:
    from pathlib import Path

    from app.runs.comparison import show_differences

    show_differences({"base": Path("base"), "less": Path("less")}, {}, "t")


@pytest.mark.parametrize(
    ("absent", "region", "offered"),
    [
        (HEADINGS, True, ["Region accuracy", "Median position error"]),
        (POSITIONS, True, ["Region accuracy", "Mean heading error"]),
        ((*POSITIONS, *HEADINGS), True, ["Region accuracy"]),
        (HEADINGS, False, []),
    ],
)
def test_the_page_offers_what_there_is(
    monkeypatch: pytest.MonkeyPatch, absent: tuple[str, ...], region: bool, offered: list[str]
) -> None:
    found = without(*absent, region=region)
    pair = replace(found, pairs=found.pairs[:1])
    monkeypatch.setattr(compared_models, "comparison", lambda *_args, **_options: pair)
    app = AppTest.from_function(_differences, default_timeout=30)
    # Chosen earlier, for two models that have both.
    app.session_state["t_measure"] = "Mean heading error" if HEADINGS[0] in absent else (
        "Median position error"
    )  # fmt: skip
    app.run()
    assert not app.exception
    groups = [one for one in app.button_group if one.key == "t_measure"]
    assert [option.content for one in groups for option in one.proto.options] == offered
    assert any("Not compared, because" in one.value for one in app.warning)
    assert (absence.NO_TRUE_REGION in [one.value for one in app.caption]) == (not region)
    shown = pd.concat([one.value.astype(str) for one in app.dataframe])
    assert "nan" not in shown.fillna("").to_string().lower()


def judged(part: str, digit: str) -> Report:
    return replace(Report.from_json(stored()), split=SplitReport("spot", digit * 64, part))


def model(name: str, *reports: Report) -> Model:
    return Model(
        name, Path(name), "finished", {Path(name) / str(i): one for i, one in enumerate(reports)}
    )


def test_models_are_grouped_by_the_photos_that_most_of_them_share() -> None:
    found = groups(
        [
            model("a", judged("val", "1"), judged("test", "1")),
            model("b", judged("test", "1"), judged("val", "1")),
            model("c", judged("test", "2"), judged("test", "1")),
            model("d", judged("test", "3")),
            model("e"),
        ]
    )
    assert [dict(group.folders) for group in found] == [
        {"a": Path("a/1"), "b": Path("b/0"), "c": Path("c/1")},
        {"d": Path("d/0")},
    ]
    assert found[0].about == "test part of the spot split 11111111"


def test_a_model_stands_in_the_list_with_its_newest_test_report() -> None:
    assert model("a", judged("val", "1"), judged("test", "1")).shown == Path("a/1")
    assert model("a", judged("val", "1")).shown == Path("a/0")
    assert model("a").shown is None
