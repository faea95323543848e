"""The document that page timings are written to; tests/browser times a visit."""

from benchmarks.document import replace_section
from benchmarks.pages import KINDS, Visit, markdown

VISITS = [
    Visit("map", "first", 1.0, 2.0, 900.0),
    Visit("map", "first", 3.0, 6.0, 1100.0),
    Visit("map", "first", 2.0, 3.0, 1200.0),
    Visit("play", "table", 0.25, 0.5, 12.0),
]


def test_each_page_has_its_median_spread_and_bytes_under_its_kind() -> None:
    text = markdown(VISITS, "Measured today.")
    first, table = text.split(f"### {KINDS['table'].capitalize()}")
    assert "Measured today." in first
    assert "| Map | 2.00 | 1.00 to 3.00 | 3.00 | 2.00 to 6.00 | 1,100 |" in first
    assert "| Beat the model | 0.25 | 0.25 to 0.25 | 0.50 | 0.50 to 0.50 | 12 |" in table
    assert "p95 of the heading over 3 visits: 3.00 s." in first
    assert f"### {KINDS['map'].capitalize()}" not in text, "what was not measured has no table"


def test_a_section_replaces_its_older_self_and_leaves_the_others() -> None:
    head, last = "# Benchmarks\n\n## Other\n\nkept\n\n", "## Last\n\nkept too\n"
    old = f"{head}## Pages\n\nold\n\n### First\n\nold\n\n{last}"
    section = "## Pages\n\nnew\n"
    assert replace_section(old, section) == f"{head}{section}\n{last}"
    assert replace_section("# Benchmarks\n", section) == f"# Benchmarks\n\n{section}"
