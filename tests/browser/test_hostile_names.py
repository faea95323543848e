"""Names that are markup are shown as text on every page: no request, link, picture or formula."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import pandas as pd
import pytest

from core.files import write_json
from tests.browser.visitor import PAGES, Serve, Visitor

pytestmark = pytest.mark.browser
HOST = "http://bearings.invalid"
FILES = (
    "<img src=x onerror=alert(1)>.jpg", "$E=mc^2$ **bold**.jpg", "[click](javascript:alert(1)).jpg",
    ":red[red] :rainbow[x].jpg", "=cmd|calc.jpg", "`code` {t} {{x}}.jpg",
)  # fmt: skip


def _markup(place: str) -> str:
    """Everything that Markdown, HTML and LaTeX would make of a name, told apart by its place."""
    return (
        f"![p]({HOST}/{place}.png) [l]({HOST}/{place}) <img src={HOST}/{place}-tag.png> "
        f"<a href={HOST}/{place}-a>a</a> $x^2$ :material/delete: :red[alarm] {HOST}/{place}-bare"
    )


def _change(path: Path, **values: object) -> None:
    write_json(path, json.loads(path.read_text(encoding="utf-8")) | values)


# The name of a folder can be markup, too, as far as a file system allows.
FAILED = "$y^2$ :red[failed] <b>www.bearings.invalid [l](javascript:x)"
QUERY = urlencode({"dataset": "data/demo", "checkpoint": "runs/tiny/checkpoints/best"})
HOSTILE_QUERY = urlencode(
    {name: _markup(name) for name in ("dataset", "checkpoint", "photo", "region")}
)
_WRONG = {
    "links": 'a[href*="bearings.invalid"], a[href^="javascript:"]',
    "pictures": 'img[src*="bearings.invalid"], img[src="x"]',
    "formulas": ".katex",
}
PLANTED = ("campus", "card", "message", "note", "report-note", "region", "run-tag", "timestamp")
"""Places whose texts at least one of the pages shows."""


@pytest.fixture(scope="module")
def hostile(
    serve: Serve, demo: Path, trained: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The app over a data set and runs whose every text is markup."""
    root = tmp_path_factory.mktemp("hostile")
    data, run = root / "data" / "demo", root / "runs" / "tiny"
    shutil.copytree(demo, data, ignore=shutil.ignore_patterns(".bearings"))
    shutil.copytree(trained, run)
    labels = pd.read_csv(data / "labels.csv", dtype=str)
    for row, name in enumerate(FILES):
        (data / "images" / labels.loc[row, "filename"]).rename(data / "images" / name)
        labels.loc[row, "filename"] = name
    if "timestamp" in labels:
        labels.loc[: len(FILES), "timestamp"] = _markup("timestamp")
    labels.to_csv(data / "labels.csv", index=False)
    (data / "tags.csv").write_text(
        f"photo_id,tag\nimages/{labels.loc[9, 'filename']},[t]({HOST}/tag)\n", encoding="utf-8"
    )
    regions = sorted(set(labels["Region_ID"].dropna()))
    lines = [f'{region} = "{_markup(f"region{region}")}"' for region in regions]
    (data / "campus.toml").write_text(
        f'name = "{_markup("campus")}"\n[frame]\nkind = "degrees"\n[regions]\n' + "\n".join(lines),
        encoding="utf-8",
    )
    card = run / "checkpoints" / "best" / "card.json"
    names = json.loads(card.read_text(encoding="utf-8"))["regions"]
    _change(
        card,
        campus=_markup("card"),
        notes=[_markup("card-note")],
        region_names={region: _markup(f"card{region}") for region in names},
    )
    for report in run.glob("reports/*/report.json"):
        _change(report, notes=[_markup("report-note")])
    write_json(run / "notes.json", {"text": _markup("note"), "tags": [_markup("run-tag")]})
    failed = root / "runs" / FAILED
    shutil.copytree(run, failed)
    _change(failed / "status.json", state="failed", message=_markup("message"))
    (failed / "log.txt").write_text(f"{_markup('log')}\nerror: {_markup('log2')}\n")
    with serve(root) as url:
        yield url


def test_no_name_becomes_markup_on_any_page(hostile: str, visit: Callable[..., Visitor]) -> None:
    visitor = visit(hostile)
    page = visitor.open("home", f"?{QUERY}")
    wrong: dict[str, dict[str, list[str]]] = {}
    shown: set[str] = set()

    def look(where: str) -> None:
        found = {
            what: page.locator(selector).evaluate_all("all => all.map(each => each.outerHTML)")
            for what, selector in _WRONG.items()
        }
        found |= {"exceptions": visitor.exceptions, "requests": list(visitor.foreign)}
        visitor.foreign.clear()
        wrong.update({where: {what: each for what, each in found.items() if each}})
        body = page.locator("body").inner_text()
        shown.update(place for place in PLANTED if f"invalid/{place}" in body)

    look("home")
    for name in PAGES[1:]:
        visitor.go(name)
        look(name)
        if name == "runs":
            visitor.click("Note and tags")
            look("form of a note")
    visitor.open("data", f"?{QUERY}&{urlencode({'photo': f'images/{FILES[0]}'})}")
    look("photo card")
    for name in ("data", "predict"):
        visitor.open(name, f"?{HOSTILE_QUERY}")
        look(f"{name} by a hostile address")
    assert {where: found for where, found in wrong.items() if found} == {}
    assert shown == set(PLANTED), "a text that is shown nowhere proves nothing"
