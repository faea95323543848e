"""Names that are markup are shown as text on every page: no request, link, picture or formula."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from core.files import write_json
from tests.browser.visitor import PAGES, Visitor, app

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


@pytest.fixture(scope="module")
def hostile(demo: Path, trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
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
    failed = root / "runs" / "failed"
    shutil.copytree(run, failed)
    _change(failed / "status.json", state="failed", message=_markup("message"))
    (failed / "log.txt").write_text(f"{_markup('log')}\nerror: {_markup('log2')}\n")
    with app(root) as url:
        yield url


def test_no_name_becomes_markup_on_any_page(hostile: str, visit: Callable[..., Visitor]) -> None:
    visitor = visit(hostile)
    wrong: dict[str, object] = {}
    for name in PAGES:
        page = visitor.open(name, "?dataset=data/demo&checkpoint=runs/tiny/checkpoints/best")
        found = {
            what: page.locator(selector).evaluate_all("all => all.map(one => one.outerHTML)")
            for what, selector in {
                "links": f'a[href^="{HOST}"], a[href^="javascript:"]',
                "pictures": f'img[src^="{HOST}"], img[src="x"]',
                "formulas": ".katex",
            }.items()
        }
        found |= {"exceptions": visitor.exceptions, "requests": list(visitor.foreign)}
        visitor.foreign.clear()
        if any(found.values()):
            wrong[name] = {what: some for what, some in found.items() if some}
        if name == "data":
            assert HOST in visitor.text, "no hostile text is on the page"
    assert wrong == {}
