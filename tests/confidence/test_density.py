from dataclasses import replace

import numpy as np
import pytest

from core.confidence.density import Density, make_density, outline
from core.confidence.evidence import Evidence
from core.confidence.fit_sizes import conformal_quantile
from core.geo import Floats
from tests.confidence.worlds import Invented, density_fit, world

FIRST, SECOND = np.array([0.0, 0.0]), np.array([80.0, 60.0])


def area(ring: Floats) -> float:
    """Shoelace formula."""
    a, b = ring[:-1], ring[1:]
    return abs(float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / 2.0)


@pytest.fixture
def two_minded() -> Invented:
    """One photo whose neighbours stand at two far places, equally alike."""
    answers, _ = world(2, 0)
    one = answers.rows(np.array([0]))
    places = np.concatenate([np.tile(FIRST, (4, 1)), np.tile(SECOND, (4, 1))])[None]
    assert one.evidence is not None
    support: Evidence = replace(one.evidence, position_m=places, similarity=np.full((1, 8), 0.9))
    return replace(one, evidence=support, position_refined_m=FIRST[None])


def test_a_two_minded_photo_gives_two_islands(two_minded: Invented) -> None:
    density = make_density(two_minded, density_fit(own_share=0.05))
    islands = outline(density, 0, float(density.threshold(0.9)[0]))
    assert len(islands) == 2
    centres = sorted(tuple(island[0].mean(axis=0).round(-1)) for island in islands)
    assert centres == [tuple(FIRST), tuple(SECOND)]
    # Neither the gap between the two nor their mean is in the region.
    gap = density.at(np.array([[[40.0, 30.0]]]))[0, 0]
    assert gap < density.threshold(0.9)[0]


def test_an_outline_of_one_bell_is_the_circle_that_holds_the_mass() -> None:
    density = Density(np.array([[[30.0, -20.0]]]), np.ones((1, 1)), np.array([10.0]))
    height = 0.1 / (2.0 * np.pi * 100.0)  # of the circle that holds 90 %
    (ring,) = outline(density, 0, height)[0]
    radius = 10.0 * np.sqrt(-2.0 * np.log(0.1))
    assert np.hypot(*(ring - [30.0, -20.0]).T) == pytest.approx(radius, rel=0.02)
    assert area(ring) == pytest.approx(np.pi * radius**2, rel=0.02)
    assert (ring[0] == ring[-1]).all()
    assert outline(density, 0, 1.0) == ()


def test_the_density_adds_up_to_one_and_mass_grows_outwards() -> None:
    answers, known = world(6, 1)
    density = make_density(answers, density_fit())
    axis = np.arange(-900.0, 900.0, 3.0)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(1, -1, 2)
    for row in range(2):
        one = density.rows(slice(row, row + 1))
        assert one.at(grid).sum() * 9.0 == pytest.approx(1.0, abs=0.01)
    near = density.mass_above(known.position_m)
    far = density.mass_above(known.position_m + 500.0)
    assert (near < far).all()
    assert (far > 0.95).all()


def test_mass_and_threshold_say_the_same() -> None:
    answers, known = world(200, 2)
    density = make_density(answers, density_fit())
    mass = density.mass_above(known.position_m)
    within = density.at(known.position_m[:, None])[:, 0] >= density.threshold(0.6)
    # The probe at the edge may count either way.
    clear = np.abs(mass - 0.6) > 0.05
    assert (within == (mass <= 0.6))[clear].all()


def test_without_neighbours_the_pin_stands_alone() -> None:
    answers, _ = world(4, 3, neighbours=0)
    density = make_density(answers, density_fit(own_share=0.2, campus_share=0.0))
    assert density.weight[:, 0] == pytest.approx(1.0)


@pytest.mark.trap(
    name="certainty calibrated on photos that were trained on, or promised from too few"
)
def test_the_conformal_quantile_is_the_finite_sample_one() -> None:
    scores = np.arange(1.0, 10.0)  # 9 scores
    assert conformal_quantile(scores, 0.9) == 9.0
    assert conformal_quantile(scores, 0.5) == 5.0
    # With 8 photos no finite value can be promised for 90 %.
    assert conformal_quantile(scores[:8], 0.9) is None
    assert conformal_quantile([], 0.5) is None
