"""How long an explanation takes on this machine, by what earlier ones took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import streamlit as st

if TYPE_CHECKING:
    from core.dataset.decode import Pixels
    from core.inference.predictor import Predictor

Work = Literal["answers", "passes", "gradients"]
_TRIED = 4


@dataclass
class Pace:
    """Measured seconds of one answer, of one pass of the network, and of one with its gradient."""

    seconds: dict[Work, float] = field(default_factory=dict)

    def expected(self, work: Work, count: int) -> str:
        """Return how long so much work takes, in words; empty before the first measurement."""
        if work not in self.seconds:
            return ""
        seconds = self.seconds[work] * count
        if seconds < 1:
            return "under 1 s"
        return f"about {seconds:.0f} s" if seconds < 100 else f"about {seconds / 60:.0f} min"

    @contextmanager
    def measured(self, work: Work, count: int) -> Iterator[None]:
        """Measure the work in the block, for the next expectation."""
        began = time.perf_counter()
        yield
        self.seconds[work] = (time.perf_counter() - began) / count


def of(predictor: "Predictor", photo: "Pixels") -> Pace:
    """The pace of a model on this machine; some passes are tried the first time.

    Args:
        predictor: The model.
        photo: `(s, s, 3)` a decoded photo.
    """
    return _pace(str(predictor.folder), predictor.fingerprint, predictor, photo)


@st.cache_resource(max_entries=8, show_spinner="Measuring this machine's speed …")
def _pace(folder: str, fingerprint: str, _predictor: "Predictor", _photo: "Pixels") -> Pace:
    import numpy as np

    pace = Pace()
    photos = np.repeat(_photo[None], _TRIED, axis=0)
    _predictor.predict_photos(photos[:1])  # the first answer also sets things up
    with pace.measured("answers", _TRIED):
        _predictor.predict_photos(photos)
    if _predictor.card.ensemble is None and _predictor.card.trained:
        from core.explain.attribute import measure_passes

        pace.seconds["passes"], pace.seconds["gradients"] = measure_passes(_predictor, _photo)
    return pace
