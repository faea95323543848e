from math import isnan, nan
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import LabelError
from core.evaluation.human_baseline import (
    HumanAnswer,
    add_answer,
    human_baseline,
    read_answers,
    tidy_nickname,
)
from core.geo import CoordinateFrame, LocalFrame

FRAME = LocalFrame.about(CoordinateFrame("planar_metres"), np.zeros((1, 2)))


def _answer(photo: str, north_m: float, heading: float = nan, nickname: str = "") -> HumanAnswer:
    return HumanAnswer(photo, "2026-05-04T12:00:00+00:00", nickname, north_m, 0.0, heading)


def _table() -> pd.DataFrame:
    count = 6
    return pd.DataFrame(
        {
            "photo_id": [f"p{index}" for index in range(count)],
            "true_north_m": 0.0,
            "true_east_m": 0.0,
            "true_angle": [0.0, 0.0, nan, 0.0, 0.0, 0.0],
            "error_refined_m": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            "heading_error_refined_deg": [10.0, 20.0, nan, 30.0, 40.0, 50.0],
        }
    )


def test_answers_are_added_to_one_file_and_read_back(tmp_path: Path) -> None:
    assert read_answers(tmp_path) == ()
    first, second = _answer("a,b.jpg", 1.5, 359.0, "Ada"), _answer("c.jpg", -2.25)
    add_answer(tmp_path, first)
    add_answer(tmp_path, second)
    kept = read_answers(tmp_path)
    assert kept[0] == first
    assert (kept[1].photo_id, kept[1].latitude) == ("c.jpg", -2.25)
    assert isnan(kept[1].heading_deg)
    assert (tmp_path / "human_answers.csv").read_text().splitlines()[0] == (
        "photo_id,answered,nickname,latitude,longitude,heading_deg"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("photo,place\n", "needs the header"),
        ("photo_id,answered,nickname,latitude,longitude,heading_deg\na,t,,north,2,\n", "line 2"),
        ("photo_id,answered,nickname,latitude,longitude,heading_deg\na,t,,,2,\n", "line 2"),
        ("photo_id,answered,nickname,latitude,longitude,heading_deg\na,t\n", "line 2"),
    ],
)
def test_a_damaged_file_is_named_and_not_replaced(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "human_answers.csv"
    path.write_text(text)
    with pytest.raises(LabelError, match=said):
        add_answer(tmp_path, _answer("a", 1.0))
    assert path.read_text() == text


def test_a_nickname_is_short_and_no_formula() -> None:
    assert tidy_nickname("  =cmd()  x ") == "cmd() x"
    assert len(tidy_nickname("y" * 99)) == 24


def test_people_are_paired_with_the_model_on_the_same_photos() -> None:
    errors = [10.0, 20.0, 30.0, 2.0, 50.0]
    answers = [_answer(f"p{index}", error, 90.0) for index, error in enumerate(errors)]
    assert human_baseline(answers[:4], _table(), FRAME) is None
    found = human_baseline([*answers, _answer("elsewhere", 1.0)], _table(), FRAME)
    assert found is not None
    assert (found.answers, found.photos, found.left_out) == (5, 5, 1)
    assert found.nearer == pytest.approx(1 / 5)
    position, heading = found.figures
    assert (position.human, position.model, position.difference) == (20.0, 3.0, 17.0)
    assert position.human_interval is not None
    assert position.interval is not None
    low, high = position.human_interval
    assert 2.0 <= low < 20.0 < high <= 50.0
    # Where the photo has no heading, neither counts.
    assert (heading.human, heading.model) == (90.0, 25.0)


def test_the_first_answer_of_a_nickname_to_a_photo_counts() -> None:
    answers = [_answer(f"p{index}", 10.0, nickname="Ada") for index in range(5)]
    again = [_answer("p0", 0.0, nickname="Ada"), _answer("p0", 40.0), _answer("p0", 40.0)]
    found = human_baseline([*answers, *again], _table(), FRAME)
    assert found is not None
    assert (found.answers, found.photos, found.left_out) == (7, 5, 1)
    assert len(found.figures) == 1
