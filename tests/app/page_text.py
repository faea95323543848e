"""What a page says."""

from streamlit.testing.v1 import AppTest


def said(app: AppTest) -> str:
    """Everything that a page says, as one text."""
    kinds = (app.title, app.markdown, app.info, app.error, app.warning, app.success, app.caption,
             app.code)  # fmt: skip
    return "\n".join(str(element.value) for kind in kinds for element in kind)
