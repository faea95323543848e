"""One run, watched live: state, progress, curves, log, stop and resume.

The run is a process of its own. Nothing here holds it: this only reads what it writes, and a tab or
a server that ends takes nothing with it.
"""

from pathlib import Path

import streamlit as st

from app import controls, links, states
from app.durations import spoken
from app.figures.curves import curve
from app.learning import MEASURES, Events, best_event, curve_table, fine_tuning_begins
from app.train_form import command
from core.jobs.causes import plain_cause
from core.jobs.follow import log_tail, read_events
from core.jobs.queue import cancel, requeue
from core.jobs.start import ensure_runner
from core.jobs.state import ACTIVE, RESUMABLE, RunState, run_state
from core.jobs.stop import stop
from core.training.run_folder import RunFolder

POLL_S = 2.0
_LIVE = {"queued", *ACTIVE}
_WORDS = {
    "queued": "Queued: it starts when the jobs before it have ended.",
    "starting": "Starting: the program and its packages are being loaded, which takes a while.",
    "running": "Running.",
    "cancelling": "Stopping: it saves where it is, then ends.",
    "finished": "Finished.",
    "cancelled": "Cancelled: everything is saved, and it can go on where it was.",
    "failed": "Failed.",
    "lost": "Lost: its process is gone (killed, or the machine restarted). Its last epoch is safe.",
    "damaged": "Damaged.",
}


def watch(run: Path) -> None:
    """Show a run; while it is active, look again every two seconds, and stop looking at its end."""
    active = run_state(run).state in _LIVE
    st.fragment(_show, run_every=POLL_S if active else None)(run, polling=active)


def _show(run: Path, *, polling: bool) -> None:
    with states.mendable():
        now = run_state(run)
        if polling and now.state not in _LIVE:
            # The whole page once more: it decides that nobody needs to look any longer.
            st.rerun()
        _headline(run, now)
        _buttons(run, now)
        _curves(read_events(run), now)
        _log(run, now)
        _command(run)


def _headline(run: Path, now: RunState) -> None:
    text = f"**{run.name}** · {_WORDS[now.state]}"
    if now.state in ("failed", "damaged"):
        st.error(f"{text} {plain_cause(now.message, log_tail(run))}")
    elif now.state in ("cancelled", "lost"):
        st.warning(text)
    elif now.state == "finished":
        st.success(text)
    else:
        st.info(text)
    status = now.status
    if status is None or now.state not in ("running", "cancelling"):
        return
    share = status.step / status.steps if status.steps else 0.0
    left = f", about {spoken(status.eta_s)} left in this stage" if status.eta_s is not None else ""
    words = f"{status.stage}: epoch {status.epoch} of {status.epochs or '?'}"
    st.progress(min(share, 1.0), f"{words}, step {status.step} of {status.steps or '?'}{left}")


def _buttons(run: Path, now: RunState) -> None:
    with st.container(horizontal=True):
        if now.state in ("queued", "starting", "running"):
            with st.popover("Stop this run …"):
                st.write("It saves where it is and can be resumed at that very step.")
                if st.button("Yes, stop it", key="watch_stop", type="primary"):
                    cancel(run)
                    st.rerun()
        elif now.state == "cancelling":
            if st.button("End it now", key="watch_kill", help="Without waiting for it to save"):
                with st.spinner("Ending the process …"):
                    stop(run, grace_s=0.0)
                st.rerun()
        elif now.state in RESUMABLE and (run / "config.json").is_file():
            if st.button("Resume", key="watch_resume", type="primary"):
                requeue(run)
                ensure_runner(run.parent)
                st.rerun()
        if (RunFolder(path=run).best / "card.json").is_file():
            _next(run)


def _next(run: Path) -> None:
    """Offer what a trained model is for."""
    for page, label in (("evaluate", "Evaluate"), ("predict", "Predict"), ("explain", "Explain")):
        if st.button(
            label,
            key=f"watch_{page}",
            on_click=controls.hand_over_checkpoint,
            args=(RunFolder(path=run).best,),
        ):
            links.go(page)


def _curves(events: Events, now: RunState) -> None:
    if not events:
        if now.state in ACTIVE:
            st.caption("The curves begin when the first epoch has ended.")
        return
    begins, best = fine_tuning_begins(events), best_event(events)
    if best is not None:
        st.caption(f"The best epoch so far is {best['epoch']}; its model is kept.")
    for pair in (MEASURES[:2], MEASURES[2:]):
        for place, measure in zip(st.columns(2), pair, strict=True):
            figure = curve(curve_table(events, measure), measure.title, measure.unit, begins)
            place.plotly_chart(figure, key=f"watch_{measure.title}")


def _log(run: Path, now: RunState) -> None:
    with st.expander("Log", expanded=now.state in ("failed", "starting")):
        st.code(log_tail(run) or "Nothing yet.", language=None, height=260)


def _command(run: Path) -> None:
    if (run / "config.json").is_file():
        with st.expander("The same from the command line"):
            st.code(command(RunFolder(path=run).config()), language="bash", wrap_lines=True)
