"""A calibration whose parts do not fit each other, or the answers, is refused by name."""

import numpy as np
import pytest
from pydantic import ValidationError

from core.confidence.apply import expected, familiarity
from core.confidence.schema import AppearanceFit, PositionFit, ScaleFit
from core.errors import CheckpointError


def test_slopes_without_clues_are_refused() -> None:
    clues, unseen = np.zeros((2, 3)), np.full(2, 0.1)
    assert expected(ScaleFit(intercept=0.0, slopes=(1.0,)), clues, unseen).tolist() == [1.0, 1.0]
    with pytest.raises(CheckpointError, match="4 slopes for 3 clues"):
        expected(ScaleFit(intercept=0.0, slopes=(1.0,) * 4), clues, unseen)


def test_an_appearance_of_another_length_is_refused() -> None:
    fit = AppearanceFit(mean=(0.0, 0.0), std=(1.0, 1.0), precision=((1.0, 0.0), (0.0, 1.0)))
    assert familiarity(fit, np.zeros((1, 2))).tolist() == [0.0]
    with pytest.raises(CheckpointError, match="2 values of the appearance for 3 numbers"):
        familiarity(fit, np.zeros((1, 3)))


def test_a_spread_of_zero_and_growth_for_one_level_are_refused() -> None:
    with pytest.raises(ValidationError, match="std"):
        AppearanceFit(mean=(0.0,), std=(0.0,), precision=((1.0,),))
    with pytest.raises(ValidationError, match="mass_growth"):
        PositionFit.model_validate({"mass_growth": [1.0]})
