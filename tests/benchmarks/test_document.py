"""One command makes the benchmarks; each writes its own section of the document."""

from pathlib import Path

import pytest

from benchmarks import __main__ as benchmarks
from benchmarks.__main__ import NOT_RUN, Benchmark, Effort, main
from benchmarks.pairs import compared, timed


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
    assert text.count(NOT_RUN) == 1
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
