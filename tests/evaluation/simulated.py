"""Judged models whose truth is known: spots of a campus where photos are hard or easy together."""

from pathlib import Path

import numpy as np
import pandas as pd

from core.evaluation.stored_reports import EvaluatedModel

SPOT_GAP_M = 50.0


def simulated(
    name: str,
    rng: np.random.Generator,
    *,
    spots: int = 40,
    photos: int = 5,
    shift_m: float = 0.0,
    spot_sd_m: float = 3.0,
    key: str = "test:abc",
) -> EvaluatedModel:
    """A model with errors of `20 + shift + spot effect + noise` metres, headings likewise.

    The spot effects are the model's own, so differences between models agree within a spot.
    """
    n = spots * photos
    spot = np.repeat(np.arange(spots), photos)
    effect = rng.normal(0.0, spot_sd_m, spots)[spot]
    error = np.abs(20.0 + shift_m + effect + rng.normal(0.0, 1.0, n))
    turned = np.abs(20.0 + shift_m + effect + rng.normal(0.0, 1.0, n))
    right = 20.0 + shift_m + effect + rng.normal(0.0, 1.0, n) < 22.0
    region = (spot % 2).astype(str)
    table = pd.DataFrame(
        {
            "photo_id": [f"images/{number:04d}.jpg" for number in range(n)],
            "true_region": region,
            "region": np.where(right, region, "9"),
            "true_latitude": 12.0 + spot * 1e-4,
            "true_longitude": 77.0,
            "true_angle": 0.0,
            "true_north_m": spot * SPOT_GAP_M,
            "true_east_m": 0.0,
            "error_m": error + 1.0,
            "error_refined_m": error,
            "heading_error_deg": turned + 1.0,
            "heading_error_refined_deg": turned,
            "seen_in_training": False,
        }
    )
    return EvaluatedModel(name, Path(name), key, f"photos of {key}", 3.0, table)


def perturbed(model: EvaluatedModel, name: str, **columns: object) -> EvaluatedModel:
    """The same model under another name, with other values in some columns."""
    return EvaluatedModel(
        name, Path(name), model.key, model.about, model.radius_m, model.table.assign(**columns)
    )
