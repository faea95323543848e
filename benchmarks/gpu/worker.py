"""The process that makes checks: `python -m benchmarks.gpu.worker SETTINGS EVENTS NAME ...`."""

import sys
from pathlib import Path

from benchmarks.gpu.checks import Settings
from benchmarks.gpu.conduct import work
from benchmarks.gpu.plan import plan


def main(words: list[str]) -> int:
    """Make the named checks."""
    settings = Settings.model_validate_json(words[0])
    checks = {check.name: check for check in plan(settings)}
    work(settings, [checks[name] for name in words[2:]], Path(words[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
