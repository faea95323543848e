"""Look the packages of requirements.lock up among known vulnerabilities: `make vulnerabilities`.

Ends with 1 if one is known. If the data cannot be reached, says so with the reason and ends with 0:
pip-audit itself then calls every package free of them.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path


def main(program: str, lock: str) -> int:
    """Run pip-audit on a lock file and say what it found; returns the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "found.json"
        run = subprocess.run(
            [program, "--requirement", lock, "--disable-pip", "--require-hashes",
             "--progress-spinner", "off", "--format", "json", "--output", str(out)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        packages = json.loads(out.read_text())["dependencies"] if out.is_file() else []
    skipped = [each for each in packages if "skip_reason" in each]
    if len(skipped) == len(packages):
        lines = run.stderr.strip().splitlines() or ["it said nothing"]
        reason = skipped[0]["skip_reason"] if skipped else lines[-1]
        print(f"SKIPPED: the data about vulnerabilities cannot be reached: {reason}")
        return 0
    for each in skipped:
        print(f"not looked up: {each['name']}: {each['skip_reason']}")
    known = [(each, fault) for each in packages for fault in each.get("vulns", ())]
    for each, fault in known:
        mended = ", ".join(fault["fix_versions"]) or "no version yet"
        print(f"{each['name']} {each['version']}: {fault['id']}, mended in {mended}")
    print(f"{len(known)} known vulnerabilities in {len(packages) - len(skipped)} packages")
    return int(bool(known))


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
