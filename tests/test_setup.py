"""The files around the code say what the code needs: settings, themes, requirements."""

import ast
import functools
import itertools
import json
import re
import runpy
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from streamlit import config as streamlit_config

from app import theme

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
# Names to import that differ from the names to install.
DISTRIBUTIONS = {
    "cv2": "opencv-python-headless",
    "PIL": "pillow",
    "pynvml": "nvidia-ml-py",
    "sklearn": "scikit-learn",
}
# Only imported when asked for, with a message that says how to install it.
OPTIONAL = {"wandb"}
# Parts of pydantic that it installs itself.
PARTS = {"annotated-types", "pydantic-core"}
# timm's own need, pinned here because it must fit torch; and what torch exports to ONNX by.
INDIRECT = {"torchvision", "onnxscript"}


def flat(table: dict[str, object], prefix: str = "") -> dict[str, object]:
    """`{"theme": {"light": {"x": 1}}}` as `{"theme.light.x": 1}`."""
    found: dict[str, object] = {}
    for key, value in table.items():
        name = f"{prefix}{key}"
        found |= flat(value, f"{name}.") if isinstance(value, dict) else {name: value}
    return found


def luminance(colour: str) -> float:
    """WCAG 2.2 relative luminance of `#RRGGBB`."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """WCAG 2.2 contrast of two colours, 1 to 21."""
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def test_every_setting_is_one_that_streamlit_knows() -> None:
    known = set(streamlit_config.get_config_options())
    assert sorted(set(flat(SETTINGS)) - known) == []


def test_every_setting_has_its_reason_above_it() -> None:
    lines = (ROOT / ".streamlit" / "config.toml").read_text().splitlines()
    bare = [
        line
        for above, line in itertools.pairwise(lines)
        if re.match(r"\w+ = ", line) and not above.startswith("# ")
    ]
    assert bare == []


def test_the_app_is_private_by_default() -> None:
    settings = flat(SETTINGS)
    assert settings["server.address"] == "localhost"
    assert settings["browser.gatherUsageStats"] is False
    assert settings["server.enableXsrfProtection"] is True


@pytest.mark.parametrize("palette", [theme.LIGHT, theme.DARK], ids=lambda palette: palette.mode)
def test_streamlit_and_charts_share_one_theme(palette: theme.Palette) -> None:
    colours = SETTINGS["theme"][palette.mode]
    assert colours["backgroundColor"] == palette.background
    assert colours["secondaryBackgroundColor"] == palette.surface
    assert colours["textColor"] == palette.text
    assert colours["linkColor"] == palette.link
    assert SETTINGS["theme"]["chartCategoricalColors"] == list(theme.SERIES)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_and_controls_stand_out_from_their_ground(mode: str) -> None:
    colours = SETTINGS["theme"][mode]
    for ground in (colours["backgroundColor"], colours["secondaryBackgroundColor"]):
        assert contrast(colours["textColor"], ground) >= 4.5
        assert contrast(colours["linkColor"], ground) >= 4.5
        assert contrast(colours["primaryColor"], ground) >= 3.0
    assert contrast("#FFFFFF", colours["primaryColor"]) >= 3.0


REQUIREMENTS = [f"requirements{each}.txt" for each in ("", "-cluster", "-test", "-tools")]


def required(name: str) -> set[str]:
    """The distributions that a requirements file names, in lower case."""
    lines = (ROOT / name).read_text().splitlines()
    named = [line for line in lines if line and not line.startswith(("#", "-r "))]
    return {re.split(r"[\[=<>]", line)[0].lower() for line in named}


FOLDERS = ("core", "app", "pages", "benchmarks")


@functools.cache
def named_imports(folder: str) -> frozenset[str]:
    """The dotted names that the files of a folder import."""
    names: set[str] = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add(node.module or "")
    return frozenset(names)


def imported(folders: Sequence[str] = FOLDERS) -> set[str]:
    """The packages that folders of the project import, by the names to install them under."""
    names: set[str] = set().union(*map(named_imports, folders))
    # torch only wraps it.
    names |= {"tensorboard"} & {name.rpartition(".")[2] for name in names}
    packages = {name.split(".")[0] for name in names}
    foreign = packages - set(sys.stdlib_module_names) - {*FOLDERS, "tests"}
    return {DISTRIBUTIONS.get(name, name).lower().replace("_", "-") for name in foreign}


def test_every_imported_package_is_required() -> None:
    known = required("requirements.txt") | required("requirements-cluster.txt")
    assert imported(("core", "app", "pages")) - OPTIONAL - PARTS - known == set()
    # Benchmarks are run from a checkout: that of pages drives the browser of the tests.
    known |= required("requirements-test.txt")
    assert imported(("benchmarks",)) - OPTIONAL - PARTS - known == set()


def test_every_required_package_is_imported() -> None:
    assert required("requirements.txt") - imported() - INDIRECT == set()
    assert required("requirements-cluster.txt") - imported() == set()


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_every_requirement_has_a_floor_and_a_reason(name: str) -> None:
    reason = False
    for line in (ROOT / name).read_text().splitlines():
        if not line:
            reason = False
        elif line.startswith("#"):
            reason = True
        elif line.startswith("-r "):
            assert line.removeprefix("-r ") in REQUIREMENTS
            assert reason, f"{line} has no reason above it"
        else:
            assert re.search(r"(>=|==)\d", line), f"{line} has no floor"
            assert reason, f"{line} has no reason above it"


def test_the_lock_holds_every_requirement_in_an_allowed_version_with_hashes() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text, "it names where packages came from"
    locked: dict[str, list[str]] = {}
    for entry in re.split(r"\n(?=[a-z0-9])", text.split("\n", 2)[2]):
        name, version = entry.split(" ", 1)[0].split("==")
        locked.setdefault(name, []).append(version)
        assert "--hash=sha256:" in entry, name
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            wanted = Requirement(line)
            assert all(version in wanted.specifier for version in locked[wanted.name]), line
    assert locked["torch"] == ["2.14.1"]
    assert locked["torchvision"] == ["0.29.1"]


@pytest.mark.parametrize(
    ("packages", "code", "words"),
    [
        ([], 0, "SKIPPED: the data about vulnerabilities cannot be reached: no network"),
        ([{"name": "a", "skip_reason": "not found"}], 0, "SKIPPED: "),
        ([{"name": "a", "version": "1", "vulns": []}], 0, "0 known vulnerabilities in 1 packages"),
        (
            [{"name": "a", "version": "1", "vulns": [{"id": "X-1", "fix_versions": ["2"]}]},
             {"name": "b", "skip_reason": "not found"}],
            1, "not looked up: b: not found\na 1: X-1, mended in 2\n1 known",
        ),
    ],
)  # fmt: skip
def test_packages_that_cannot_be_looked_up_are_not_called_free_of_faults(
    packages: list[dict[str, object]],
    code: int,
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = json.dumps({"dependencies": packages}) if packages else ""
    program = tmp_path / "pip-audit"
    program.write_text(
        "#!/bin/sh\necho 'no network' >&2\nfor last; do :; done\n"
        + (f"echo '{found}' > \"$last\"\n" if found else "exit 1\n")
    )
    program.chmod(0o755)
    main = runpy.run_path(str(ROOT / ".ci" / "vulnerabilities.py"))["main"]
    assert main(str(program), "requirements.lock") == code
    assert words in capsys.readouterr().out
