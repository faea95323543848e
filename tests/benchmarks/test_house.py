"""The figures of the house, on a small one whose figures are known."""

from pathlib import Path

import pytest

from benchmarks import house

FILES = {
    "core/__init__.py": '"""A library."""\n',
    "core/__main__.py": "from core.cli import run\n\nrun.main()\n",
    "core/geo.py": "def far() -> int:\n    one = 1\n    return one\n",
    "core/cli/__init__.py": "",
    "core/cli/run.py": "from core import geo\n\n\ndef main() -> int:\n    return geo.far()\n",
    "app/Home.py": "import core.geo\n",
    "tests/test_geo.py": "from core.cli.run import main\n\nassert main() == 1\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_module_with_one_importer_is_counted(root: Path) -> None:
    modules = house.read_modules(root)
    assert len(modules) == 7
    # Tests are no importers; geo has two.
    assert house.single_importers(modules) == {"core.cli.run"}
    assert {each.name for each in house.inner(modules)} == {"core.geo", "core.cli.run"}


def test_the_report_names_the_largest(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        house, "count_options", lambda root, command: {"train": 3, "tune": 4}[command]
    )
    text = "\n".join(house.report(root))
    assert "single importer: 50.0% of core and app (aim under 12%)" in text
    assert "options of train: 3 (aim at most 70)" in text
    assert "largest file: core.cli.run, 5 lines" in text
    assert "longest function: core.geo.far, 3 lines" in text


def test_options_are_those_of_the_help() -> None:
    assert 10 < house.count_options(house.HERE, "train") < 200


def test_help_is_shown_and_another_folder_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        house.main(["--help"])
    assert left.value.code == 0
    assert "Working tree of Bearings" in capsys.readouterr().out
    with pytest.raises(SystemExit) as left:
        house.main([str(tmp_path)])
    assert left.value.code == 2
    assert "is no working tree of Bearings" in capsys.readouterr().err
