"""Pictures of every page of the app: light, dark and on a phone; with data, empty and broken.

`python -m tests.browser.screenshots --out FOLDER` makes small workspaces of its own; `--workspace`
takes pictures of one that is there, which is only read. Each picture holds the whole page, named
`STATE-PAGE-STYLE.png`. The exit code is 1 if a page shows a bug's traceback.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.visitor import (
    FLAGS,
    PAGES,
    PATIENCE_MS,
    Visitor,
    app,
    chromium_path,
)
from tests.browser.workspaces import make_broken, make_campus_and_run, make_full

State = Literal["full", "empty", "broken"]
# Charts and maps draw after the script has come to rest.
_DRAWING_MS = 2_500
# WebGL gives up on canvases that are larger.
_MOST_HEIGHT_PX = 8_000


@dataclass(frozen=True)
class Style:
    """A size of the window, and a colour scheme."""

    width: int
    height: int
    scheme: Literal["light", "dark"]


STYLES: Mapping[str, Style] = {
    "light": Style(1280, 900, "light"),
    "dark": Style(1280, 900, "dark"),
    "phone": Style(390, 844, "light"),
}
BROKEN_QUERY = "?checkpoint=checkpoints/torn-weights"


def whole_page(page: Page, style: Style, path: Path) -> None:
    """Write a picture of a page as high as its content, which Streamlit scrolls inside."""
    page.wait_for_timeout(_DRAWING_MS)
    content = page.get_by_test_id("stMain").evaluate("main => main.scrollHeight")
    height = min(max(style.height, int(content)), _MOST_HEIGHT_PX)
    page.set_viewport_size({"width": style.width, "height": height})
    page.wait_for_timeout(_DRAWING_MS // 2)
    page.screenshot(path=path)
    page.set_viewport_size({"width": style.width, "height": style.height})


def take(
    url: str, state: str, out: Path, *, pages: Sequence[str], styles: Sequence[str], query: str = ""
) -> list[str]:
    """Write the pictures of an app; return a line for each page that shows a traceback."""
    faults = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        for name in styles:
            style = STYLES[name]
            context = chromium.new_context(
                viewport={"width": style.width, "height": style.height}, color_scheme=style.scheme
            )
            page = context.new_page()
            page.set_default_timeout(PATIENCE_MS)
            visitor = Visitor(page, url)
            for each in pages:
                visitor.open(each, query)
                whole_page(page, style, out / f"{state}-{each}-{name}.png")
                faults += [f"{state}-{each}-{name}: {text}" for text in visitor.exceptions]
                sys.stderr.write(f"{state}-{each}-{name}\n")
            context.close()
        chromium.close()
    return faults


@contextmanager
def _workspaces(states: Sequence[State]) -> Iterator[dict[str, Path]]:
    """Make small workspaces in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        made: dict[str, Path] = {}
        if "empty" in states:
            made["empty"] = root / "empty"
            made["empty"].mkdir()
        if "full" in states or "broken" in states:
            make_campus_and_run(root)
            demo, trained = root / "demo", root / "tiny"
            if "full" in states:
                made["full"] = make_full(root / "full", demo, trained)
            if "broken" in states:
                made["broken"] = make_broken(root / "broken", demo, trained)
        yield made


def main(words: Sequence[str] | None = None) -> int:
    """Take the pictures that are asked for."""
    parser = argparse.ArgumentParser(description="Take pictures of every page of the app.")
    parser.add_argument("--out", type=Path, required=True, help="folder of the pictures")
    parser.add_argument("--workspace", type=Path, help="take this one in place of small new ones")
    parser.add_argument("--query", default="", help="parameters of the address, beginning with ?")
    parser.add_argument("--pages", nargs="+", choices=PAGES, default=PAGES)
    parser.add_argument("--styles", nargs="+", choices=tuple(STYLES), default=tuple(STYLES))
    parser.add_argument("--states", nargs="+", choices=("full", "empty", "broken"),
                        default=("full", "empty", "broken"))  # fmt: skip
    asked = parser.parse_args(words)
    asked.out.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=PATIENCE_MS)
    faults: list[str] = []
    if asked.workspace is not None:
        with app(asked.workspace.resolve()) as url:
            faults = take(
                url, asked.workspace.name, asked.out, pages=asked.pages, styles=asked.styles,
                query=asked.query,
            )  # fmt: skip
    else:
        with _workspaces(asked.states) as made:
            for state, root in made.items():
                query = BROKEN_QUERY if state == "broken" else asked.query
                with app(root) as url:
                    faults += take(
                        url, state, asked.out, pages=asked.pages, styles=asked.styles, query=query
                    )
    for fault in faults:
        sys.stderr.write(f"{fault}\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
