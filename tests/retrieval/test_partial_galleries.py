"""Galleries of photos that lack a label: no weight, no vote, and no guess."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.geo import Floats, heading_error_deg, heading_from_unit
from core.retrieval.choice import UNREFINED, select_settings
from core.retrieval.gallery import NAMES, Gallery, build_gallery
from core.retrieval.neighbours import Neighbours
from core.retrieval.refine import refine, retrieve
from core.retrieval.schema import RefineConfig
from core.retrieval.select import Raw, ValidationTruth, refined_figures
from tests.retrieval.test_select import make_gallery, world

FEATURES = np.array([[1.0, 0.0], [0.98, 0.2], [0.95, 0.3], [0.0, 1.0]])
QUERY = np.array([[1.0, 0.05]])
NOWHERE = np.full((4, 2), np.nan)
NO_HEADING, NO_REGION = np.full(4, np.nan), np.full(4, -1)


def gallery(**changes: Any) -> Gallery:  # noqa: ANN401 - arrays of the gallery
    """Four photos; the most similar to QUERY come first."""
    ids = ["a", "b", "c", "d"]
    arrays = {
        "position_m": np.array([[0.0, 0.0], [10.0, 0.0], [20.0, 0.0], [90.0, 0.0]]),
        "heading_deg": np.array([90.0, 180.0, 180.0, 270.0]),
        "region": np.array([0, 1, 1, 0]),
    } | changes
    return build_gallery(
        ids, ids, FEATURES, **arrays, split_hash="h", parts=dict.fromkeys(ids, "train")
    )


def refined_heading(known: Gallery) -> Floats:
    config = RefineConfig(method="none", k=1, heading_k=2, blend_heading=1.0)
    return refine(np.zeros((1, 2)), [0.0], QUERY, known, config).heading_deg


def test_a_neighbour_without_a_heading_has_no_weight() -> None:
    one = gallery(heading_deg=np.array([np.nan, 180.0, 180.0, 270.0]))
    np.testing.assert_allclose(refined_heading(one), [180.0])
    assert 90.0 < refined_heading(gallery())[0] < 180.0
    # Neither of the two has one, so the raw heading stays.
    np.testing.assert_allclose(refined_heading(gallery(heading_deg=NO_HEADING)), [0.0])


def test_a_neighbour_without_a_region_has_no_vote() -> None:
    config = RefineConfig(method="none", k=1, heading_k=1, region_k=2, blend_region=1.0)

    def shares(region: list[int]) -> Floats | None:
        known = gallery(region=np.array(region))
        head = np.array([[0.9, 0.1]])
        found = refine(np.zeros((1, 2)), [0.0], QUERY, known, config, region_probabilities=head)
        return found.region_probabilities

    np.testing.assert_allclose(shares([-1, 1, 1, 0]), [[0.0, 1.0]])
    # Nobody votes, so the head's probabilities stay.
    np.testing.assert_allclose(shares([-1, -1, 1, 0]), [[0.9, 0.1]])


def test_a_photo_without_a_region_ranks_between_the_known_region_and_the_others() -> None:
    known = gallery(region=np.array([1, -1, 1, 0]))
    found = Neighbours.search(QUERY, known)
    ranked = found.ranked(
        RefineConfig(k=4), 4, np.zeros((1, 2)), np.array([[0.5, 0.5]]), np.array([0])
    )
    assert ranked.rows[0].tolist() == [3, 1, 0, 2]


def test_untrained_models_answer_from_the_photos_that_have_the_label() -> None:
    some = gallery(
        heading_deg=np.array([np.nan, np.nan, np.nan, 270.0]), region=np.array([-1, -1, -1, 1])
    )
    found = retrieve(QUERY, some, 2)
    np.testing.assert_allclose(heading_from_unit(found.heading), [270.0])
    np.testing.assert_allclose(found.probabilities, [[0.0, 1.0]])
    nothing = retrieve(
        QUERY, gallery(position_m=NOWHERE, heading_deg=NO_HEADING, region=NO_REGION), 0
    )
    assert np.isnan(nothing.position_m).all()
    assert np.isnan(nothing.heading).all()
    assert nothing.probabilities.shape == (1, 0)


def test_a_gallery_says_which_labels_it_has_and_keeps_them(tmp_path: Path) -> None:
    assert gallery().labels == ("position", "heading", "region")
    regions = gallery(position_m=NOWHERE, heading_deg=NO_HEADING)
    assert regions.labels == ("region",)
    regions.save(tmp_path)
    again = Gallery.load(tmp_path)
    assert again.labels == ("region",)
    np.testing.assert_array_equal(again.region, regions.region)
    # A program that expects every label refuses this file by its version.
    assert json.loads((tmp_path / NAMES).read_text())["schema_version"] == 2
    gallery().save(tmp_path)
    assert json.loads((tmp_path / NAMES).read_text())["schema_version"] == 1


def test_positions_are_all_there_or_none_is() -> None:
    half = gallery().position_m.copy()
    half[1] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        gallery(position_m=half)


def test_the_refinement_is_chosen_on_the_photos_whose_truth_is_known() -> None:
    """Headings of every other validation photo: the choice is that of those photos alone."""
    known = make_gallery()
    truth, heading, features = world(160, 5)
    rng = np.random.default_rng(2)
    raw, raw_heading = truth + rng.normal(0, 60, truth.shape), heading + rng.normal(0, 70, 160)
    half = np.where(np.arange(160) % 2, np.nan, heading)
    config = select_settings(raw, raw_heading, features, truth, half, known).config
    assert config.method == "retrieval"
    assert config.blend_heading > 0.0
    refined = refine(raw, raw_heading, features, known, config)
    error = heading_error_deg(refined.heading_deg, heading)[::2]
    assert error.mean() < 0.7 * heading_error_deg(raw_heading, heading)[::2].mean()
    without = np.where(np.arange(160) % 2, np.nan, truth.T).T
    choice = select_settings(raw, raw_heading, features, without, heading, known)
    assert choice.config.method != "none"


def test_without_positions_nothing_is_refined_and_figures_are_those_of_regions() -> None:
    whole = make_gallery(200)
    regions = replace(whole, position_m=np.full((200, 2), np.nan), heading_deg=np.full(200, np.nan))
    _, _, features = world(40, 5)
    nothing, nowhere = np.full(40, np.nan), np.full((40, 2), np.nan)
    region = np.arange(40) % 2
    head = np.eye(2)[np.where(np.arange(40) < 10, 1 - region, region)]
    raw = Raw(nowhere, nothing, head, features.astype(np.float32))
    config = select_settings(
        nowhere, nothing, features, nowhere, nothing, regions,
        region_probabilities=head, true_region=region,
    ).config  # fmt: skip
    assert config == UNREFINED
    truth = ValidationTruth(nowhere, nothing, np.where(np.arange(40) >= 30, -1, region))
    figures = refined_figures(raw, truth, regions, config)
    assert figures == {"val_region_accuracy_refined": pytest.approx(20 / 30)}
