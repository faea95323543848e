"""What a page's test leaves behind for the tests after it."""

import sys

from streamlit.testing.v1 import AppTest

from tests.app.conftest import main_module_kept


def test_a_page_is_not_left_as_the_main_module() -> None:
    before = sys.modules["__main__"]
    with main_module_kept():
        AppTest.from_string("import streamlit as st\nst.write('hello')").run()
        assert sys.modules["__main__"] is not before
    assert sys.modules["__main__"] is before
