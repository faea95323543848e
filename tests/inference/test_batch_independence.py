"""What is predicted for a photo depends on that photo alone, not on the others of the call."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.inference.loading import load_predictor
from core.inference.prediction import Prediction
from core.inference.predictor import Predictor
from core.model.card import TtaCard
from core.retrieval.schema import RefineConfig
from tests.retrieval.scenes import furnish
from tests.tiny_checkpoint import make_checkpoint

RETRIEVAL = RefineConfig(method="retrieval", k=3, heading_k=3, blend_heading=0.5, blend_region=0.5)
REFINEMENTS = {
    "retrieval": RETRIEVAL,
    "region weight": RETRIEVAL.model_copy(update={"region_weight": 0.05}),
    "points": RETRIEVAL.model_copy(update={"points_weight": 0.2, "turn_hfov_deg": 70.0}),
    "radius": RETRIEVAL.model_copy(update={"radius_m": 60.0}),
    "position_knn": RefineConfig(method="position_knn", k=32, heading_k=32, region_k=32),
    "none": RefineConfig(method="none", k=1, heading_k=1),
}
PHOTOS = 8


@pytest.fixture(scope="module")
def campus(shared_campus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return furnish(shared_campus, tmp_path_factory.mktemp("scenes") / "campus")


@pytest.fixture(scope="module")
def checkpoint(campus: Path, tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    folder = tmp_path_factory.mktemp("together") / "checkpoint"
    return load_predictor(make_checkpoint(folder, campus, refine=RETRIEVAL, points=20))


@pytest.fixture(scope="module")
def photos(checkpoint: Predictor, campus: Path) -> NDArray[np.uint8]:
    assert checkpoint.gallery is not None
    paths = [campus / name for name in checkpoint.gallery.photo_ids[:PHOTOS]]
    return np.stack([checkpoint.decode(path) for path in paths])


def changed(predictor: Predictor, **card: object) -> Predictor:
    """The same checkpoint with other entries in its card."""
    loaded = replace(predictor.loaded, card=predictor.card.model_copy(update=card))
    return replace(predictor, loaded=loaded)


def small(predictor: Predictor, photos: int) -> Predictor:
    """The same checkpoint with so few training photos that all of them are shown."""
    gallery = predictor.gallery
    assert gallery is not None
    rows = {
        name: getattr(gallery, name)[:photos]
        for name in ("photo_ids", "filenames", "features", "position_m", "heading_deg", "region")
    }
    few = replace(gallery, **rows, minute=gallery.minute[:photos], local=None)
    return replace(predictor, loaded=replace(predictor.loaded, gallery=few))


def known_metadata(predictor: Predictor, seed: int) -> dict[str, list[str | float | None]]:
    """Known region, known heading and training photo to leave out, each for half of the photos."""
    rng = np.random.default_rng(seed)
    assert predictor.gallery is not None
    ids = predictor.gallery.photo_ids
    given = rng.random((3, PHOTOS)) < 0.5
    return {
        "known_region": [str(rng.choice(predictor.regions)) if it else None for it in given[0]],
        "known_heading_deg": [float(rng.uniform(0, 360)) if it else None for it in given[1]],
        "exclude_ids": [ids[row] if it else None for row, it in enumerate(given[2])],
    }


def assert_same(together: Prediction, row: int, alone: Prediction) -> None:
    for field in fields(Prediction):
        whole, single = getattr(together, field.name), getattr(alone, field.name)
        if isinstance(whole, np.ndarray):
            # The network sees one photo at a time in both. Cosines differ by rounding alone: a
            # millimetre once a sharp softmax weighs positions that are far apart.
            np.testing.assert_allclose(whole[row], single[0], atol=0.01, err_msg=field.name)
    assert together.evidence is not None
    assert alone.evidence is not None
    for name in ("position_m", "heading_deg", "region", "similarity", "appearance", "signals"):
        whole, single = getattr(together.evidence, name), getattr(alone.evidence, name)
        np.testing.assert_allclose(whole[row], single[0], atol=0.01, err_msg=f"support {name}")


def assert_independent(
    predictor: Predictor, photos: NDArray[np.uint8], known: dict[str, list[str | float | None]]
) -> None:
    together = predictor.predict_photos(photos, batch_size=1, **known)  # type: ignore[arg-type]
    for row in range(len(photos)):
        own = {name: [values[row]] for name, values in known.items()}
        alone = predictor.predict_photos(photos[row : row + 1], **own)  # type: ignore[arg-type]
        assert_same(together, row, alone)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("refinement", REFINEMENTS)
def test_photos_together_are_predicted_as_one_by_one(
    checkpoint: Predictor, photos: NDArray[np.uint8], refinement: str, seed: int
) -> None:
    refine = REFINEMENTS[refinement].model_dump(mode="json")
    assert_independent(changed(checkpoint, refine=refine), photos, known_metadata(checkpoint, seed))


def test_a_known_region_of_one_photo_leaves_the_others_as_they_are(
    checkpoint: Predictor, photos: NDArray[np.uint8]
) -> None:
    free = checkpoint.predict_photos(photos)
    told = checkpoint.predict_photos(photos, known_region=["3", *[None] * (PHOTOS - 1)])
    np.testing.assert_array_equal(told.neighbours[1:], free.neighbours[1:])
    np.testing.assert_allclose(told.position_refined_m[1:], free.position_refined_m[1:], atol=1e-3)
    assert checkpoint.gallery is not None
    assert set(checkpoint.gallery.region[told.neighbours[0, :3]]) == {2}


def test_a_photo_left_out_for_one_does_not_shorten_the_evidence_of_others(
    checkpoint: Predictor, photos: NDArray[np.uint8]
) -> None:
    few = small(checkpoint, 8)
    assert_independent(few, photos, known_metadata(few, 3) | {"known_region": [None] * PHOTOS})
    only_first = [few.gallery.photo_ids[0], *[None] * (PHOTOS - 1)] if few.gallery else []
    found = few.predict_photos(photos, exclude_ids=only_first)
    free = few.predict_photos(photos)
    np.testing.assert_array_equal(found.neighbours[1:], free.neighbours[1:])
    assert 0 not in found.neighbours[0]


def test_an_untrained_checkpoint_answers_photos_one_by_one(
    checkpoint: Predictor, photos: NDArray[np.uint8]
) -> None:
    untrained = changed(checkpoint, trained=False)
    assert_independent(untrained, photos, known_metadata(untrained, 4))
    few = small(untrained, 8)
    assert_independent(few, photos, known_metadata(few, 5) | {"known_region": [None] * PHOTOS})


def test_crops_of_one_photo_do_not_depend_on_the_others(
    checkpoint: Predictor, photos: NDArray[np.uint8]
) -> None:
    crops = changed(checkpoint, tta=TtaCard(views=3, side=0.8, hfov_deg=60.0))
    assert_independent(crops, photos, known_metadata(crops, 6))
