"""Errors quote files of unknown people: what they say is text and never markup."""

import re

import pytest
from streamlit.testing.v1 import AppTest

from app.widgets import messages
from core.errors import LabelError

HOSTILE = "a_b_c _p_ __q__ *d* `e` [f](http://g) <b>h</b> $i$ :red[j] ~~k~~ #l &amp; m|n \\o"


def unescaped(text: str) -> str:
    """What Markdown shows of escaped text."""
    text = text.replace("\u2060", "")
    return re.sub(r"\\(.)", r"\1", text.replace("  \n", "\n"))


def test_an_error_shows_every_character_of_a_file_name() -> None:
    def page() -> None:
        from app.widgets import messages
        from core.errors import LabelError
        from tests.app.widgets.test_messages import HOSTILE

        messages.show_error(LabelError(f"photo missing: {HOSTILE}"))

    shown = AppTest.from_function(page).run().error[0].value
    assert unescaped(shown) == f"photo missing: {HOSTILE}"
    assert not re.search(r"(?<!\\)[*`<$~:#&\[\]|]", shown)
    assert "a_b_c \\_p\\_ \\_\\_q\\_\\_" in shown


@pytest.mark.parametrize(
    "line", ["- a list", "+ a list", "1. a list", "12) a list", "=====", "# a title", "> a quote"]
)
def test_a_line_of_an_error_begins_no_block(line: str) -> None:
    text = messages.plain_lines(f"first\n{line}\n  last")
    assert unescaped(text) == f"first\n{line}\nlast"
    assert text.split("  \n")[1].startswith("\\") or re.match(r"\d+\\", text.split("  \n")[1])


def test_errors_of_the_system_and_of_bearings_are_shown_alike() -> None:
    def page() -> None:
        import errno

        from app.widgets import messages

        with messages.mendable():
            raise OSError(errno.EROFS, "Read-only file system", "/data/*my_run*/$x")

    shown = AppTest.from_function(page).run().error[0].value
    assert "/data/*my_run*/$x cannot be written" in unescaped(shown)
    assert "\\*my_run\\*" in shown


def test_lines_of_an_error_stay_lines() -> None:
    error = LabelError("two reasons:\n  3 x photo missing: a.jpg\n  1 x region is empty: b.jpg")
    assert messages.plain_lines(str(error)).count("  \n") == 2


@pytest.mark.parametrize("text", ["a.jpg", "a`b", "`", "``a```b`", "*a* _b_ $c$"])
def test_code_shows_what_a_file_says(text: str) -> None:
    shown = messages.code(text)
    fence = shown[: len(shown) - len(shown.lstrip("`"))]
    inside = shown[len(fence) : -len(fence)]
    assert inside.strip(" ") == text
    # The fence is longer than every row of backticks inside.
    assert fence not in inside
    assert messages.code("") == "` `"


def test_an_address_in_plain_text_is_no_link() -> None:
    shown = messages.plain("see https://a.b/x, HTTP://c, www.d.e and me@f.org")
    assert shown.replace("\u2060", "").replace("\\", "") == (
        "see https://a.b/x, HTTP://c, www.d.e and me@f.org"
    )
    # What GitHub's Markdown looks for, also among escaped signs.
    found = re.findall(r"https?://|www\.|[\w.+-]@", shown.replace("\\", ""), re.IGNORECASE)
    assert found == []
