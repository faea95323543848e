"""What the documents say about the shipped checkpoint is true of its folder."""

import json
import re
import shlex
from itertools import pairwise
from pathlib import Path

from core.__main__ import make_parser

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ROOT / "checkpoints" / "demo-campus"


def _commands() -> list[list[str]]:
    """The commands that made it, in order, as docs/experiments.md gives them."""
    text = (ROOT / "docs/experiments.md").read_text(encoding="utf-8")
    section = text[text.index("## The shipped checkpoint") :]
    block = section.split("```")[1].replace("\\\n", " ")
    return [shlex.split(line) for line in block.strip().splitlines()]


def test_its_size_is_the_one_the_documents_give() -> None:
    size_mb = sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file()) / 1e6
    for name in ("checkpoints/README.md", "docs/experiments.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        said = [int(number) for number in re.findall(r"\b(\d+) MB", text)]
        assert round(size_mb) in {number + d for number in said for d in (-1, 0, 1)}, name


def test_its_commands_can_be_typed_and_give_what_its_card_says() -> None:
    card = json.loads((SHIPPED / "card.json").read_text(encoding="utf-8"))
    commands = _commands()
    options = {}
    for words in commands:
        if words[:3] == ["python", "-m", "core"]:
            make_parser().parse_args(words[3:])
            options[words[3]] = dict(pairwise(words))
    assert options["demo"]["--photos"] == str(card["demo_photos"])
    assert options["demo"]["--seed"] == str(card["demo_seed"])
    assert options["train"]["--input-size"] == str(card["preprocess"]["input_size"])
    assert options["calibrate"]["--store-size"] == str(card["preprocess"]["store_size"])
    assert (
        json.loads(options["train"]["--model.backbone-arguments"])
        == (card["model"]["backbone_arguments"])
    )
    assert ["cp", "-r", "runs/campus-7/checkpoints/best", "checkpoints/demo-campus"] in commands
