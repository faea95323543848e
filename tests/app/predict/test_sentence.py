"""The sentence of an answer, for models of any labels, any confidence and any photo."""

from dataclasses import replace

import numpy as np
import pytest

from app.predict.sentence import answer_sentence, matching_places, sentence
from core.inference.prediction import Prediction
from tests.confidence.answers import TWO_PLACES, predicted, trust


@pytest.mark.parametrize(
    ("prediction", "words"),
    [
        (predicted(trust()), "Main Gate, facing north, within 16 m (90 % confidence)"),
        (predicted(trust(7.44)), "Main Gate, facing north, within 7.4 m (90 % confidence)"),
        (predicted(trust(1394.2)), "Main Gate, facing north, within 1,394 m (90 % confidence)"),
        (predicted(trust(wedge_deg=120.0)),
         "Main Gate, heading unclear, within 16 m (90 % confidence)"),
        (predicted(trust(share=0.4)),
         "Library, facing north, within 16 m (90 % confidence)"),
        (predicted(), "Main Gate, facing north; confidence unknown: this model is not calibrated"),
        (predicted(trust(np.nan)),
         "Main Gate, facing north; confidence unknown: too few calibration photos"),
        (predicted(trust(np.inf)),
         "Main Gate, facing north; confidence unknown: too few calibration photos"),
        (predicted(trust(), labels=("position", "heading")),
         "At the pin on the map, facing north, within 16 m (90 % confidence)"),
        (predicted(trust(), labels=("position", "region")),
         "Main Gate, within 16 m (90 % confidence)"),
        (predicted(trust(), labels=("position",)),
         "At the pin on the map, within 16 m (90 % confidence)"),
        (predicted(trust(), labels=("heading", "region")),
         "Main Gate, facing north (96 % confidence in the region)"),
        (predicted(trust(), labels=("region",)), "Main Gate (96 % confidence in the region)"),
        (predicted(trust(region=False), labels=("region",)),
         "Main Gate; confidence unknown: too few calibration photos"),
        (predicted(trust(), labels=("heading",)), "Facing north, within 20° (90 % confidence)"),
        (predicted(labels=("heading",)),
         "Facing north; confidence unknown: this model is not calibrated"),
        (predicted(trust(places=TWO_PLACES)),
         "Ambiguous: 2 places match; the likeliest is Main Gate, facing north"),
        (predicted(trust(places=TWO_PLACES), labels=("position",)),
         "Ambiguous: 2 places match; the pin is on the likeliest"),
        (predicted(trust(refused=True)),
         "Not this campus: the photo is too unlike the training photos."),
    ],
)  # fmt: skip
def test_the_answer_is_one_sentence(prediction: Prediction, words: str) -> None:
    assert sentence(prediction, 0) == words


def test_two_even_regions_are_both_named() -> None:
    three = predicted(shares=(0.45, 0.55))
    assert answer_sentence(three, 0).startswith("Library, facing")
    even = replace(trust(), region_probabilities=np.array([[0.45, 0.44]]))
    assert answer_sentence(predicted(even), 0).startswith("Main Gate or Library, facing north")


def test_a_refused_photo_is_answered_when_it_is_asked_for() -> None:
    asked = answer_sentence(predicted(trust(refused=True)), 0)
    assert asked == "Main Gate, facing north, within 16 m (90 % confidence)"


def test_a_region_without_a_name_is_called_by_its_id() -> None:
    unnamed = replace(predicted(trust()), region_names={})
    assert sentence(unnamed, 0).startswith("Region 1, facing north")


def test_near_parts_of_the_area_are_one_place() -> None:
    near = np.array([[0.0, 0.0]] * 4 + [[30.0, 0.0]] * 4)
    assert matching_places(predicted(trust(places=near)), 0) == 1
    assert matching_places(predicted(trust(places=TWO_PLACES)), 0) == 2
    assert matching_places(predicted(), 0) == 0
