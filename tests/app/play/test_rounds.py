from math import isnan, nan

import numpy as np
import pandas as pd

from app.play.game import sentence, share_text
from app.play.rounds import Game, playable


def _table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "photo_id": ["a", "b", "c", "d"],
            "true_north_m": [0.0, 0.0, 0.0, nan],
            "true_east_m": 0.0,
            "north_refined_m": 30.0,
            "east_refined_m": 40.0,
            "true_angle": [350.0, 10.0, 10.0, 10.0],
            "angle_refined": 20.0,
            "radius_90_m": 25.0,
            "seen_in_training": [False, True, False, False],
            "nearest_training_m": [5.0, 5.0, 0.4, 5.0],
        }
    )


def test_photos_that_were_trained_on_lie_beside_such_or_have_no_place_are_not_played() -> None:
    assert playable(_table())["photo_id"].tolist() == ["a"]
    assert playable(_table().drop(columns="north_refined_m")).empty


def test_both_answers_are_judged_by_one_rule() -> None:
    game, row = Game(), _table().iloc[0]
    game.show(["a"])
    outcome = game.answer(row, np.array([0.0, 25.0]), 8.0)
    assert (outcome.human.error_m, outcome.human.error_deg) == (25.0, 18.0)
    assert (outcome.model.error_m, outcome.model.error_deg) == (50.0, 30.0)
    # 100 / 2 + 50 x (1 - 18 / 90) against 100 / 4 + 50 x (1 - 30 / 90).
    assert (outcome.human.points, outcome.model.points) == (90, 58)
    assert outcome.won
    assert game.totals == (90, 58)
    assert game.last is outcome
    assert sentence(outcome) == (
        "You are 25 m and 18° off, the model 50 m and 30° off. It states 25 m (90 % confidence)."
    )
    shared = share_text(outcome, game.streak, "http://localhost/play?photo=a")
    assert shared.startswith("Beat the model: I was 25 m and 18° off, the model 50 m and 30° off.")
    assert shared.endswith("90 to 58 points. Try the same photo: http://localhost/play?photo=a")


def test_without_a_heading_only_the_place_counts() -> None:
    game, row = Game(), _table().iloc[0]
    outcome = game.answer(row, np.array([0.0, 25.0]), nan)
    assert isnan(outcome.human.error_deg)
    assert outcome.human.points == 50
    assert "You are 25 m off" in sentence(outcome)


def test_a_streak_counts_the_photos_won_in_a_row() -> None:
    game, row = Game(), _table().iloc[0]
    for east_m, streak in ((0.0, 1), (0.0, 2), (500.0, 0), (0.0, 1)):
        game.answer(row, np.array([0.0, east_m]), 350.0)
        assert game.streak == streak


def test_a_photo_is_shown_once_and_a_link_chooses_the_first() -> None:
    game, photos = Game(), ["a", "b", "c"]
    game.show(photos, "b")
    assert game.photo_id == "b"
    seen = {game.photo_id}
    for _ in range(2):
        game.show(photos, "b")
        assert game.photo_id not in seen
        seen.add(game.photo_id)
    game.show(photos)
    assert game.photo_id is None
