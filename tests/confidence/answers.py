"""Answers about one photo with any labels and any confidence, made without a network."""

from dataclasses import replace

import numpy as np

from core.confidence.apply import Confidence, apply
from core.confidence.schema import Calibration, HeadingFit, PositionFit, RegionFit, ScaleFit
from core.geo import CoordinateFrame, LocalFrame
from core.inference.prediction import Prediction
from core.labels import LABELS, Label
from tests.confidence.worlds import density_fit, world

PLANE = LocalFrame(CoordinateFrame("planar_metres"), (0.0, 0.0))
NAMES = {"1": "Main Gate", "2": "Library"}
TWO_PLACES = np.array([[0.0, 0.0]] * 4 + [[80.0, 60.0]] * 4)


def predicted(
    confidence: Confidence | None = None,
    *,
    labels: tuple[Label, ...] = LABELS,
    shares: tuple[float, ...] = (0.9, 0.1),
) -> Prediction:
    """The answer about one photo: at the origin, facing 3 degrees, of Main Gate."""
    placed, headed = "position" in labels, "heading" in labels
    regions = ("1", "2") if "region" in labels else ()
    chances = np.array([shares]) if regions else np.zeros((1, 0))
    heading = np.array([3.0 if headed else np.nan])
    spot = np.zeros((1, 2)) if placed else np.full((1, 2), np.nan)
    none = np.zeros((1, 0))
    return Prediction(
        ("a",), ("a.jpg",), regions, NAMES, PLANE, chances, chances, spot, spot, heading, heading,
        heading, none.astype(np.int64), none, none, none.astype(np.int64),
        np.zeros((1, 2), np.float32), confidence=confidence, labels=labels,
    )  # fmt: skip


def trust(
    radius_m: float = 16.2,
    wedge_deg: float = 20.0,
    *,
    places: np.ndarray | None = None,
    share: float = 0.96,
    refused: bool = False,
    region: bool = True,
) -> Confidence:
    """A confidence of these sizes; its area is about the neighbours at `places`."""
    answers, _ = world(1, 0)
    assert answers.evidence is not None
    spots = np.zeros((8, 2)) if places is None else places
    shape = answers.evidence.position_m.shape
    support = replace(
        answers.evidence, position_m=np.broadcast_to(spots[: shape[1]], shape),
        similarity=np.full(answers.evidence.similarity.shape, 0.9),
    )  # fmt: skip
    scale = ScaleFit(intercept=1.0, slopes=(0.0, 0.0, 0.0))
    calibration = Calibration(
        answers="made up", split_hash="0", protocol="spot", part="val", photos=9, groups=9,
        region=RegionFit(temperature=1.0, before={}, after={}) if region else None,
        position=PositionFit(density=density_fit(own_share=0.05), mass=(0.5, 0.9), scale=scale,
                             ratio=(1.0, 4.0)),
        heading=HeadingFit(scale=scale, ratio=(1.0, None)),
    )  # fmt: skip
    made = apply(
        calibration, replace(answers, evidence=support, position_refined_m=np.zeros((1, 2)))
    )
    return replace(
        made, radius_m=np.array([[5.0, radius_m]]), wedge_deg=np.array([[5.0, wedge_deg]]),
        region_probabilities=np.array([[share, 1.0 - share]]), refused=np.array([refused]),
    )  # fmt: skip
