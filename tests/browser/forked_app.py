"""The app as a server that is forked from the test's own process, with the jobs that it starts.

What a server and its jobs import is imported once, in the process of the tests. That
`streamlit run app/Home.py` starts as a program is proved by the tests of an empty workspace.
"""

import importlib
import logging
import pkgutil
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest

import app
from tests.forked import Forks


class ForkedApps:
    """Starts `python -m streamlit` as a fork of this process: pass `start` to `visitor.app`."""

    def __init__(self, forks: Forks) -> None:
        """Import what servers import late, once for all of them."""
        self._forks = forks
        import core.inference.predictor  # noqa: F401 - for its imports

        for module in pkgutil.walk_packages(app.__path__, "app."):
            # The router draws a page when it is imported.
            if module.name != "app.Home":
                importlib.import_module(module.name)

    def start(self, command: Sequence[str], **options: Any) -> "subprocess.Popen[bytes]":  # noqa: ANN401
        """Start `python -m streamlit WORDS` with the options of `subprocess.Popen`."""
        words = tuple(command[3:])
        return self._forks.call(lambda: self._serve(words), words, **options)

    def _serve(self, words: tuple[str, ...]) -> int:
        import streamlit
        from streamlit import logger
        from streamlit.web.cli import main

        # Its jobs are forks, too.
        self._forks.put_in(pytest.MonkeyPatch())
        # Of pages that tests ran without a server in this process.
        streamlit.cache_data.clear()
        streamlit.cache_resource.clear()
        # Streamlit's handlers write to where stderr was when they were made.
        logger.update_formatter()
        logging.root.handlers.clear()
        sys.argv = ["streamlit", *words]
        main(list(words), prog_name="streamlit")
        return 0
