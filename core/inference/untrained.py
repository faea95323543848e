"""Answers of a checkpoint whose heads were never trained: its gallery speaks in their place."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from core.inference.loading import Loaded
from core.inference.network import Answers
from core.refine.retrieve import retrieve


def by_neighbours(
    answers: Answers, loaded: Loaded, exclude_ids: Sequence[str | None] | None
) -> Answers:
    """Put the neighbours' answers in the place of the heads'; features stay.

    Known metadata do not inform them; the refinement that follows heeds a known region.
    """
    if loaded.card.trained or loaded.gallery is None:
        return answers
    found = retrieve(answers.features, loaded.gallery, len(loaded.card.regions), exclude_ids)
    return replace(
        answers,
        probabilities=found.probabilities,
        position=loaded.card.normaliser.normalise(found.position_m).astype(np.float64),
        heading=found.heading,
    )
