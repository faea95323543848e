"""Run tests with each Python, and with the lowest and the newest allowed packages: `make matrix`.

A Python that this machine lacks is passed over, and said so: none is downloaded. Ends with 1 if a
combination fails, or if none could be run.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

PYTHONS = ("3.11", "3.12", "3.13")
# `lowest-direct`: of each package that requirements.txt names the oldest that it allows.
RESOLUTIONS = ("lowest-direct", "highest")
TESTS = (
    "tests/inference/test_same_answer.py", "tests/inference/test_onnx.py", "tests/test_bundle.py",
    "tests/tables",
)  # fmt: skip
TOOLS = ("pytest", "pytest-timeout", "hypothesis")


def find(uv: str, version: str) -> str | None:
    """The program of a Python on this machine; None if there is none."""
    places = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin"))
    path = os.pathsep.join([*map(str, places), os.environ["PATH"]])
    run = subprocess.run(
        [uv, "python", "find", "--no-python-downloads", "--system", version],
        env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return run.stdout.strip() if run.returncode == 0 else None


def tools(folder: Path) -> str:
    """A file that names the tools of the tests, which are the newest that are allowed."""
    tests = Path("requirements-test.txt").read_text(encoding="utf-8").splitlines()
    named = [line for line in tests if line.split(">")[0].split("=")[0] in TOOLS]
    (folder / "tools.txt").write_text("\n".join(named), encoding="utf-8")
    return str(folder / "tools.txt")


def combination(uv: str, python: str, resolution: str, home: Path) -> str:
    """Make an environment, run the tests in it and return in words how it went."""
    folder = home / resolution
    program = folder / "bin" / "python"
    install = [uv, "pip", "install", "--quiet", "--python", str(program), "--resolution"]
    steps = {
        "environment": [
            uv, "venv", "--quiet", "--clear", "--no-python-downloads", "--python", python,
            str(folder),
        ],
        "packages": [*install, resolution, "-r", "requirements.txt"],
        "tools": [*install, "highest", "-r", tools(home)],
        "tests": [str(program), "-m", "pytest", "-q", "-m", "", *TESTS, *sys.argv[3:]],
    }  # fmt: skip
    for name, step in steps.items():
        run = subprocess.run(step, check=False)
        if run.returncode:
            return f"FAILED: {name}"
    return "passed"


def main(uv: str, folder: str) -> int:
    """Run every combination and say how each went; returns the exit code."""
    results: dict[str, str] = {}
    for version in PYTHONS:
        python = find(uv, version)
        for resolution in RESOLUTIONS:
            name = f"Python {version}, {resolution}"
            if python is None:
                results[name] = "SKIPPED: this machine has no such Python"
                continue
            home = Path(folder) / version
            home.mkdir(parents=True, exist_ok=True)
            began = time.monotonic()
            result = combination(uv, python, resolution, home)
            results[name] = f"{result} in {time.monotonic() - began:.0f} s"
    for name, result in results.items():
        print(f"{name}: {result}")
    done = [result for result in results.values() if not result.startswith("SKIPPED")]
    return int(not done or any(result.startswith("FAILED") for result in done))


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:3]))
