"""What Home shows while the demo campus is being rendered, or when there is none."""

import streamlit as st

from app import demo_start
from app.workspace import workspace

POLL_S = 1.0
MINUTES = "about a minute for 1,000 on two cores"


@st.cache_resource(show_spinner=False)
def render() -> demo_start.DemoRender:
    """The one rendering process of this server."""
    return demo_start.DemoRender()


def begin() -> None:
    """On a first start, begin to render; later starts find the photos and do nothing."""
    place = workspace()
    if demo_start.is_wanted(place) and render().failure is None:
        render().start(place)


def show() -> None:
    """Show progress, a failure, or an offer to render the demo; nothing where it is there."""
    place = workspace()
    if render().running or demo_start.is_busy(place):
        _progress()
    elif render().failure is not None:
        st.error("The demo campus could not be rendered. The end of its log:")
        st.code(render().failure)
        st.button("Try again", on_click=render().start, args=(place,))
    elif not demo_start.is_whole(place) and not place.datasets():
        st.info(f"There is no demo campus yet. Rendering one takes {MINUTES} and needs no network.")
        st.button("Render the demo campus", on_click=render().start, args=(place,))


@st.fragment(run_every=POLL_S)
def _progress() -> None:
    place = workspace()
    done, wanted = demo_start.photos_done(place), demo_start.photos_wanted(place)
    st.progress(
        min(done / wanted, 1.0),
        f"Rendering the demo campus: {done:,} of {wanted:,} photos ({MINUTES}). "
        "All pages can be opened meanwhile; they fill up when it is done.",
    )
    if not render().running and not demo_start.is_busy(place):
        # The pickers in the sidebar must learn of the new data set.
        st.rerun(scope="app")
