"""What a page says: empty states, errors, notices after an action, and the legend of a map."""

import html
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NoReturn

import streamlit as st

from app import demo, links
from app.workspace import workspace
from core.errors import BearingsError, FrameError, LabelError, storage_text

_NOTICE = "notice"
# A line between letters is part of a name, as in `Region_ID`.
_MARKUP = re.compile(r"([\\`*\[\]<>$~:#&|]|(?<![^\W_])_|_(?![^\W_]))")
# What GitHub's Markdown makes a link of, escaped or not: a bare address of a page or of mail. A
# word joiner, which nobody sees, stands before what makes it one.
_ADDRESS = re.compile(r"(?<=http)(?=://)|(?<=https)(?=://)|(?<=www)(?=\.)|(?=@)", re.IGNORECASE)
_JOINER = "\u2060"
# What makes a list or a rule of a line that begins with it.
_STARTS = re.compile(r"^(\d*)([-+=.)])")


def no_dataset() -> NoReturn:
    """Say how to get a data set, and end the run."""
    if demo.is_rendering(workspace()):
        st.info("The demo campus is being rendered. Home shows the progress.")
        links.to("home", "Go to Home")
        st.stop()
    st.info(
        "No data set is loaded. Choose one in the sidebar (» opens it), type the path of a "
        "folder with a `labels.csv` and an `images` folder there, or render the demo campus on "
        "Home."
    )
    links.to("home", "Go to Home")
    st.stop()


def no_checkpoint() -> NoReturn:
    """Say how to get a checkpoint, and end the run."""
    st.info("No trained model is loaded. Choose one in the sidebar (» opens it), or train one.")
    links.to("train", "Train a model")
    st.stop()


def no_report() -> NoReturn:
    """Say how to make an evaluation report, and end the page."""
    st.info("This model is not evaluated yet. Evaluate it on the Evaluate page first.")
    links.to("evaluate", "Evaluate it")
    st.stop()


def plain(text: str) -> str:
    """Text of a file, such as a column name, as Markdown that shows every character as it is."""
    return _MARKUP.sub(r"\\\1", _ADDRESS.sub(_JOINER, " ".join(text.split())))


def code(text: str) -> str:
    """Text of a file as Markdown that shows it as code, whatever is in it."""
    words = " ".join(text.split()) or " "
    fence = "`" * (max(map(len, re.findall("`+", words)), default=0) + 1)
    gap = " " if "`" in words else ""
    return f"{fence}{gap}{words}{gap}{fence}"


def plain_lines(text: str) -> str:
    """Text of several lines, such as an error, as Markdown that shows it as it is."""
    lines = [plain(line) for line in text.splitlines()]
    return "  \n".join(_STARTS.sub(r"\1\\\2", line) for line in lines)


def show_error(error: BearingsError | str, *, linked: bool = False) -> None:
    """Show a mistake that the reader can mend, without a traceback and without markup.

    Args:
        error: The mistake.
        linked: Below an error of labels, link to the page that shows how they are read.
    """
    st.error(plain_lines(str(error)))
    if linked and isinstance(error, LabelError | FrameError):
        links.to("data", "See how the labels are read")


@contextmanager
def mendable(*, linked: bool = True) -> Iterator[None]:
    """Show what a user can mend in the block and end the run; Home.py does so around every page.

    That is a `BearingsError`, and a full disk, a folder that cannot be written and their like.

    Only bodies that run without Home.py, that is fragments, need it themselves.

    Args:
        linked: As for `show_error`.
    """
    try:
        yield
    except BearingsError as error:
        show_error(error, linked=linked)
        st.stop()
    except OSError as error:
        if (text := storage_text(error)) is None:
            raise
        show_error(text)
        st.stop()


def later(words: str) -> None:
    """Show this as a notice on the next run of the page: before `st.rerun` it could get lost."""
    st.session_state[_NOTICE] = words


def show() -> None:
    """Show the notice that `later` kept, once."""
    words = st.session_state.pop(_NOTICE, None)
    if words is not None:
        st.toast(words)


def legend(entries: Mapping[str, str]) -> None:
    """Draw a row of dots with words; `entries` is words -> `#RRGGBB`."""
    dots = "".join(
        f'<span style="white-space:nowrap"><span style="color:{colour}">&#9679;</span> '
        f"{html.escape(words)}</span>"
        for words, colour in entries.items()
    )
    st.html(f'<div style="display:flex;flex-wrap:wrap;gap:0 1.2em;font-size:.9rem">{dots}</div>')
