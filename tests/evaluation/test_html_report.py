import base64
import io
import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from core.__main__ import main
from core.evaluation.html_report import element, html
from tests.app.reports import honest

MARKUP = "<script>alert(1)</script>\" onerror='x' &amp;"
TAGS = {
    "html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "ul", "li", "div",
    "table", "tr", "th", "td", "figure", "figcaption", "img",
}  # fmt: skip
COLUMNS = (
    "filename,photo_id,true_region,region,true_north_m,true_east_m,north_refined_m,east_refined_m,"
    "error_m,error_refined_m,heading_error_deg,heading_error_refined_deg,radius_90_m"
)


class Reader(HTMLParser):
    """Every tag, every attribute and all text of a page."""

    def __init__(self, page: str) -> None:
        """Read a page."""
        super().__init__()
        self.tags, self.attributes, self.words = set[str](), list[tuple[str, str]](), ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.words += data


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """A report folder whose names of photos and regions are markup."""
    content = honest().to_json()
    region = content["per_region"]["1"]
    content["per_region"] = {"1": region | {"name": MARKUP}}
    content["region"]["labels"] = ["1", "2", MARKUP]
    content["notes"] = [f"a note {MARKUP}"]
    content["dataset"]["root"] = str(tmp_path / "photos")
    folder = tmp_path / "run" / "reports" / "test"
    folder.mkdir(parents=True)
    (folder / "report.json").write_text(json.dumps(content), encoding="utf-8")
    quoted = MARKUP.replace('"', '""')
    rows = [
        f'"{quoted}","a.jpg","{quoted}",2,0,0,30,40,60,50,20,10,33',
        "b.jpg,../secret.jpg,1,1,5,5,8,9,6,5,3,2,9",
        "c.jpg,c.jpg,1,1,9,9,9,10,2,1,3,2,9",
    ]
    (folder / "predictions.csv").write_text("\n".join([COLUMNS, *rows]), encoding="utf-8")
    (tmp_path / "photos").mkdir()
    exif = Image.Exif()
    exif[0x010E] = "where it was taken"
    for path in (tmp_path / "photos" / "a.jpg", tmp_path / "secret.jpg"):
        Image.new("RGB", (300, 200), "red").save(path, exif=exif)
    return folder


def test_a_page_shows_all_text_as_text_and_asks_no_host(report: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    assert main(["report", str(report.parents[1]), "--out", str(out)]) == 0
    page = out.read_text(encoding="utf-8")
    found = Reader(page)
    assert found.tags <= TAGS
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    assert {name for name, _ in found.attributes} & {"href", "action", "srcset", "data"} == set()
    sources = [value for name, value in found.attributes if name == "src"]
    # Map, two distributions; no photo.
    assert len(sources) == 3
    assert all(value.startswith("data:image/png;base64,") for value in sources)
    assert "url(" not in page
    assert "default-src 'none'" in page
    # Names of the photo, its region, the region's figures, the matrix and the note.
    assert found.words.count(MARKUP) >= 5
    for words in ("25 % of these photos are within 5 m", "The 3 largest errors", "50.0 m", "Card"):
        assert words in found.words, words


def test_photos_are_embedded_only_when_asked_and_only_those_of_the_data_set(
    report: Path, tmp_path: Path
) -> None:
    out = tmp_path / "report.html"
    assert main(["report", str(report), "--out", str(out), "--photos", "--worst", "2"]) == 0
    found = Reader(out.read_text(encoding="utf-8"))
    photos = [value for name, value in found.attributes if name == "src" and "jpeg" in value]
    assert len(photos) == 1
    embedded = Image.open(io.BytesIO(base64.b64decode(photos[0].partition(",")[2])))
    assert max(embedded.size) <= 160
    assert not embedded.getexif()
    assert "not a photo of the data set" in found.words
    assert main(["report", str(report), "--out", str(out), "--dataset", str(tmp_path)]) == 1


def test_text_and_attributes_are_escaped_once() -> None:
    assert element("p", html("<"), element("b", "&"), title='"') == (
        '<p title="&quot;">&lt;<b>&amp;</b></p>'
    )
    # A character that turns the direction of what follows is a blank.
    assert html("a\u202eb") == "a b"
