"""How long the demo campus of 6,500 photos takes, by two smaller ones."""

import os
import shutil
import time

from benchmarks.effort import Effort
from benchmarks.goals import verdict
from core.demo.build import DemoConfig, build_demo

PHOTOS, _MOST_S = 6500, 90.0


def measure(effort: Effort) -> list[str]:
    """Render a few photos and several times as many; what a photo takes is their difference."""
    small, large = (12, 36) if effort.quick else (60, 420)
    spent = {}
    # The renderer is imported, and compiled, once.
    build_demo(DemoConfig(out=effort.folder() / "first", photos=2))
    for photos in (small, large):
        out, began = effort.folder() / "demo", time.perf_counter()
        build_demo(DemoConfig(out=out, photos=photos))
        spent[photos] = time.perf_counter() - began
        shutil.rmtree(out)
    each = (spent[large] - spent[small]) / (large - small)
    whole = spent[small] + each * (PHOTOS - small)
    return [
        "| photos | seconds |",
        "|---|---|",
        *(f"| {photos} | {seconds:.1f} |" for photos, seconds in spent.items()),
        f"| {PHOTOS:,}, by these | {whole:.0f} |",
        "",
        f"{1000 * each:.1f} ms a photo with {os.cpu_count()} processes.",
        *verdict(
            f"{PHOTOS:,} photos in at most {_MOST_S:g} s", f"{whole:.0f} s", met=whole <= _MOST_S
        ),
    ]
