"""The page of the game: the photo, the map that takes the answer, then both answers and the truth.

Nothing that the page sends before the answer says where the photo was taken.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from math import ceil, floor, isfinite, nan
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app import cache, theme, wording
from app.access import gate
from app.figures.drawings import SIDE, compass
from app.maps.ground import Ground
from app.play import guess_map
from app.play.rounds import Answer, Game, Outcome, playable
from app.play.score import RULES
from app.selection import address, selection
from app.widgets import base_layer, figure_files, messages, pickers
from app.widgets.photo_source import PhotoSource
from core.dataset.labels import Dataset
from core.errors import BearingsError
from core.evaluation.human_baseline import (
    LONGEST_NICKNAME,
    HumanAnswer,
    add_answer,
    tidy_nickname,
)
from core.inference.export import label_decimals
from core.model.card import Card

KEEP = "Keep my answers as a human baseline"
CONSENT = (
    "If ticked, the place, the heading, the time and the nickname of each answer are stored in "
    "`human_answers.csv` beside the data set, on this machine only. Evaluate compares them with "
    "the model's."
)
_GAME, _FAULT = "play_game", "play_fault"
_NORTH, _EAST, _HEADING = "play_north", "play_east", "play_heading"
_PLACED, _TURNED = "play_placed", "play_turned"
_CONSENT, _NICKNAME = "play_consent", "play_nickname"


def show(checkpoint: Path, report_folder: Path) -> None:
    """Draw the game over the photos of a report.

    Args:
        checkpoint: The model.
        report_folder: Its report, which holds the model's answers.
    """
    card, report = cache.card(checkpoint), cache.report(report_folder)
    data = pickers.dataset_if_readable()
    if data is None:
        messages.no_dataset()
    table = playable(cache.predictions(report_folder))
    table = table[table["photo_id"].isin(set(data.table["photo_id"]))]
    if report.position is None or table.empty or data.campus.frame != card.local_frame.frame:
        st.info(
            "There is no photo to play with. The game needs test photos with positions, of the "
            "data set in the sidebar, that the model was not trained on."
        )
        return
    game = _game(str(report_folder), table)
    _scores(game, len(table))
    if fault := st.session_state.pop(_FAULT, None):
        messages.show_error(fault)
    rows = table.index[table["photo_id"] == game.photo_id]
    if not len(rows):
        st.success(f"You have seen every photo of this report to play with: {len(table):,}.")
        st.button("Play them again", key="play_again", on_click=_again)
        return
    row = table.loc[rows[0]]
    truth_m = row[["true_north_m", "true_east_m"]].to_numpy(np.float64)
    content = PhotoSource.judged(card, report, data).picture(row["filename"], truth_m)
    left, right = st.columns([2, 3], gap="medium")
    with left:
        if content is None:
            st.warning("This photo cannot be read, or its label has changed since the report.")
        else:
            st.image(content, width="stretch", alt="Where was this photo taken?")
    outcome = game.last
    with right:
        if outcome is None:
            _ask(game, row, card, data)
        else:
            _reveal(outcome, card, data)
    if outcome is not None:
        with left:
            _result(game, outcome, table)


def _game(scope: str, table: pd.DataFrame) -> Game:
    """The game of this session, with a photo; a link may name the photo."""
    state = st.session_state
    if state.get(_GAME, ("",))[0] != scope:
        state[_GAME] = (scope, Game())
    game: Game = state[_GAME][1]
    arrived = address.arrived("play", (selection.PHOTO,))
    wanted = next(iter((arrived or {}).get(selection.PHOTO, ())), None)
    if game.photo_id is None or (wanted is not None and wanted != game.photo_id):
        _show_next(game, table, wanted)
    named = {} if game.photo_id is None else {selection.PHOTO: [game.photo_id]}
    address.write("play", (selection.PHOTO,), named)
    return game


def _show_next(game: Game, table: pd.DataFrame, wanted: str | None = None) -> None:
    game.show(table["photo_id"].tolist(), wanted)
    for key in (_NORTH, _EAST, _HEADING, _PLACED, _TURNED):
        st.session_state.pop(key, None)
    address.changed("play")


def _again() -> None:
    st.session_state.pop(_GAME, None)
    address.changed("play")


def _scores(game: Game, photos: int) -> None:
    st.caption(RULES)
    human, model = game.totals
    st.markdown(
        f"Photos **{len(game.outcomes):,}** of {photos:,} · you **{human:,}** points · "
        f"the model **{model:,}** points · won in a row **{game.streak:,}**"
    )


def _plan(card: Card, data: Dataset) -> tuple[go.Figure, Ground]:
    placed = data.labelled("position")
    return guess_map.campus_plan(
        card.local_frame,
        card.local_frame.to_metres(data.positions[placed]),
        data.table["region"][placed].tolist(),
        data.regions,
        data.campus.region_names,
        base_layer.of(data.root),
        theme.palette(),
    )


def _ask(game: Game, row: pd.Series, card: Card, data: Dataset) -> None:
    """Take a place and a heading, by clicks or by sliders, and the answer."""
    state, palette = st.session_state, theme.palette()
    figure, ground = _plan(card, data)
    guess_map.add_clicks(figure, ground)
    south, west, north, east = ground.extent_m
    state.setdefault(_NORTH, round((south + north) / 2))
    state.setdefault(_EAST, round((west + east) / 2))
    state.setdefault(_HEADING, 0)
    guess_m = np.array([state[_NORTH], state[_EAST]], np.float64)
    heading = float(state[_HEADING]) if state.get(_TURNED) else nan
    if state.get(_PLACED):
        guess_map.add_guess(figure, guess_m, heading, palette)
    key = f"play_map_{selection.scope(game.photo_id)}"
    st.plotly_chart(
        figure, key=key, on_select=_clicked, selection_mode="points",
        config={"displayModeBar": False}, alt="The campus from above; click where the photo was "
        "taken, or use the sliders below",
    )  # fmt: skip
    base_layer.credit(data.root, planar=ground.planar)
    # A line at any time: the fields below must not jump under the pointer.
    st.caption(
        "Now turn the camera, or click elsewhere."
        if state.get(_PLACED)
        else "Click the place on the map, or move it with the sliders. Then turn the camera."
    )
    dial, sliders = st.columns([1, 4], vertical_alignment="center")
    with dial:
        turned = wording.heading(state[_HEADING])
        st.image(compass(float(state[_HEADING]), nan, palette), width=SIDE, alt=f"Facing {turned}")
    with sliders:
        st.slider("Camera faces (° clockwise from north)", 0, 359, key=_HEADING,
                  on_change=_flag, args=(_TURNED,), format="%d°")  # fmt: skip
        across, up = st.columns(2)
        with across:
            st.slider("West to east (m)", floor(west), ceil(east), key=_EAST,
                      on_change=_flag, args=(_PLACED,))  # fmt: skip
        with up:
            st.slider("South to north (m)", floor(south), ceil(north), key=_NORTH,
                      on_change=_flag, args=(_PLACED,))  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Answer", key="play_answer", type="primary", disabled=not state.get(_PLACED),
                  on_click=_answer, args=(game, row, card, data.root))  # fmt: skip
        st.button("Skip this photo", key="play_skip", on_click=_skip, args=(game,))
        if not state.get(_TURNED):
            st.caption("Without a turn of the camera, only the place counts.")
    if not gate.allows("operator"):
        return
    st.checkbox(KEEP, key=_CONSENT, persist_state="session")
    st.caption(CONSENT)
    if state.get(_CONSENT):
        st.text_input("Nickname (optional)", key=_NICKNAME, max_chars=LONGEST_NICKNAME,
                      persist_state="session", width=260)  # fmt: skip


def _clicked() -> None:
    """Take the clicked point of the map as the person's place."""
    state = st.session_state
    game: Game = state[_GAME][1]
    points = state[f"play_map_{selection.scope(game.photo_id)}"].selection.points
    if points:
        state[_EAST], state[_NORTH] = round(points[0]["x"]), round(points[0]["y"])
        state[_PLACED] = True


def _flag(key: str) -> None:
    st.session_state[key] = True


def _skip(game: Game) -> None:
    game.photo_id = None


def _answer(game: Game, row: pd.Series, card: Card, root: Path) -> None:
    """Judge the answer, and keep it if the person agreed to that."""
    state = st.session_state
    guess_m = np.array([state[_NORTH], state[_EAST]], np.float64)
    heading = float(state[_HEADING]) if state.get(_TURNED) else nan
    outcome = game.answer(row, guess_m, heading)
    if not state.get(_CONSENT) or not gate.allows("operator"):
        return
    decimals = label_decimals(card.local_frame.frame)
    latitude, longitude = card.local_frame.to_labels(guess_m[None])[0].round(decimals).tolist()
    answered = datetime.now(UTC).isoformat(timespec="seconds")
    nickname = tidy_nickname(state.get(_NICKNAME) or "")
    try:
        add_answer(
            root,
            HumanAnswer(outcome.photo_id, answered, nickname, latitude, longitude, heading),
        )
    except BearingsError as error:
        state[_FAULT] = str(error)


def _reveal(outcome: Outcome, card: Card, data: Dataset) -> None:
    """Both answers and the truth on the map."""
    palette = theme.palette()
    figure, _ = _plan(card, data)
    guess_map.add_outcome(figure, outcome, palette)
    st.plotly_chart(
        figure, key=f"play_truth_{selection.scope(outcome.photo_id)}",
        config=figure_files.config("beat_the_model"), alt=sentence(outcome),
    )  # fmt: skip
    messages.legend({"You": palette.evidence, "The model": palette.refined, "Truth": palette.truth})


def _result(game: Game, outcome: Outcome, table: pd.DataFrame) -> None:
    """The answers in figures, the text to share, and the way to the next photo."""
    won = "You win this photo." if outcome.won else "The model wins this photo."
    st.markdown(f"**{won}** {sentence(outcome)}")
    st.table(
        pd.DataFrame(
            {"Distance": [_away(one) for one in (outcome.human, outcome.model)],
             "Heading": [_turned(one) for one in (outcome.human, outcome.model)],
             "Points": [str(one.points) for one in (outcome.human, outcome.model)]},
            index=["You", "The model"],
        )
    )  # fmt: skip
    st.button("Next photo", key="play_next", type="primary", on_click=_show_next,
              args=(game, table))  # fmt: skip
    st.caption("Copy this to share the photo; it says nothing of where the photo was taken.")
    st.code(share_text(outcome, game.streak, _link(outcome.photo_id)), language=None,
            wrap_lines=True)  # fmt: skip
    selection.lead_on(outcome.photo_id, "play")


def sentence(outcome: Outcome) -> str:
    """How far both answers are off, in a sentence."""
    human, model = outcome.human, outcome.model
    radius = outcome.radius_m
    stated = f" It states {wording.within(radius)} (90 % confidence)." if isfinite(radius) else ""
    return f"You are {_off(human)}, the model {_off(model)}.{stated}"


def share_text(outcome: Outcome, streak: int, link: str) -> str:
    """A result as text that gives no place away.

    Args:
        outcome: The played photo.
        streak: Photos that the person won in a row.
        link: Leads to the same photo.
    """
    human, model = outcome.human, outcome.model
    row = f", {streak} won in a row" if streak > 1 else ""
    return (
        f"Beat the model: I was {_off(human)}, the model {_off(model)}. "
        f"{human.points} to {model.points} points{row}. Try the same photo: {link}"
    )


def _off(answer: Answer) -> str:
    turned = f" and {wording.heading(answer.error_deg)}" if isfinite(answer.error_deg) else ""
    return f"{wording.within(answer.error_m)}{turned} off"


def _away(answer: Answer) -> str:
    return wording.within(answer.error_m)


def _turned(answer: Answer) -> str:
    return wording.heading(answer.error_deg) if isfinite(answer.error_deg) else selection.UNKNOWN


def _link(photo_id: str) -> str:
    """The address of this page with the photo, and the data set and the model of the sidebar."""
    kept: Mapping[str, str] = {
        name: st.query_params[name] for name in ("dataset", "checkpoint") if name in st.query_params
    }
    page = (st.context.url or "play").split("?")[0]
    return f"{page}?{urlencode({**kept, selection.PHOTO: photo_id})}"
