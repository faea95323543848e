"""One command makes the benchmarks; each writes its own section of the document."""

import inspect
from pathlib import Path

import pytest

from benchmarks import __main__ as benchmarks
from benchmarks.__main__ import Benchmark, main
from benchmarks.document import LAST, replace_section
from benchmarks.effort import Effort
from benchmarks.goals import verdict
from benchmarks.pairs import compared, timed, times_faster
from core.project import PROJECT


@pytest.fixture
def rounds_seen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Two benchmarks that measure nothing; gives the rounds that they were asked for."""
    seen: list[int] = []

    def measure(effort: Effort) -> list[str]:
        seen.append(effort.rounds)
        return [f"measured {len(seen)}"]

    both = {"one": Benchmark("First", measure), "two": Benchmark("Second", measure)}
    monkeypatch.setattr(benchmarks, "BENCHMARKS", both)
    return seen


def test_each_benchmark_writes_its_section_and_leaves_the_others(
    rounds_seen: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "benchmarks.md"
    document.write_text("# Benchmarks\n\n## Pages\n\nkept\n")
    assert main(["--rounds", "3", "--out", str(document)]) == 0
    assert main(["--only", "one", "--rounds", "2", "--out", str(document)]) == 0
    text = document.read_text()
    assert rounds_seen == [3, 3, 2]
    assert text.startswith("# Benchmarks\n\n## Pages\n\nkept\n\n## First\n")
    assert "measured 3" in text
    assert "measured 2" in text
    assert "measured 1" not in text
    assert f"`python -m benchmarks --only one --rounds 2 --out {document}`" in text
    assert text.count(LAST) == 1
    assert "needs a CUDA GPU | `python -m benchmarks.gpu" in text

    before = text
    assert main(["--quick"]) == 0
    assert rounds_seen[3:] == [1, 1]
    assert "## Second" in capsys.readouterr().out
    assert document.read_text() == before


@pytest.mark.usefixtures("rounds_seen")
def test_an_unknown_benchmark_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "three"])
    assert "three" in capsys.readouterr().err


def test_ways_are_timed_in_turns_after_a_round_that_is_not_counted() -> None:
    order: list[str] = []
    spent = timed({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 2)
    assert order == ["a", "b"] * 3
    assert {name: len(each) for name, each in spent.items()} == {"a": 2, "b": 2}


def test_the_ratio_is_the_median_of_ratios_within_a_round() -> None:
    # The second round was slow for both.
    table = compared({"old": [0.2, 2.0, 0.2], "new": [0.1, 1.0, 0.05]}, "old")
    assert table[2] == "| old | 200 | 200 to 2,000 |  |"
    assert table[3] == "| new | 100 | 50 to 1,000 | 2.00 |"


def test_each_benchmark_has_a_file_that_measures() -> None:
    for name, benchmark in benchmarks.BENCHMARKS.items():
        module = inspect.getclosurevars(benchmark.measure).nonlocals["module"]
        source = (PROJECT / "benchmarks" / f"{module}.py").read_text(encoding="utf-8")
        assert "\ndef measure(effort: Effort) -> list[str]:\n" in source, name


def test_a_missed_goal_comes_with_the_profile_that_shows_why() -> None:
    met = verdict("at least twice as fast", "3 times", met=True, missed_in=lambda: 1 / 0)
    assert met == ["", "Goal: at least twice as fast. Measured: 3 times. **Met.**"]
    missed = verdict("a", "b", met=False, missed_in=lambda: sorted(range(100_000), key=str))
    assert missed[1] == "Goal: a. Measured: b. **Missed.**"
    assert missed[3:5] == ["| most of the time is in | share |", "|---|---|"]
    assert any("sorted" in line for line in missed[5:])


def test_pairs_give_how_many_times_faster_a_way_is() -> None:
    assert times_faster({"a": [1.0, 1.0, 1.0], "b": [2.0, 9.0, 3.0]}, "a", "b") == 3.0


def test_a_new_section_comes_before_the_last_one() -> None:
    document = f"# Benchmarks\n\n{LAST}\n\nnothing\n"
    assert replace_section(document, "## New\n\nmeasured") == (
        f"# Benchmarks\n\n## New\n\nmeasured\n\n{LAST}\n\nnothing\n"
    )
