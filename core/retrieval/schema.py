"""Options of the refinement; read by forms and cards, so this module imports nothing heavy."""

from typing import Literal

from pydantic import Field

from core.options import OptionSchema

GALLERY_POINTS = 600
"""Keypoints that a gallery keeps of each training photo, unless the options say otherwise."""
Method = Literal["none", "position_knn", "retrieval"]
Evidence = Literal["count", "contrast"]


class RefineConfig(OptionSchema):
    """How training photos refine raw predictions. Chosen on validation, never on test.

    `method` says how the position is refined. Headings are always refined from neighbours in
    feature space, since photos of one spot face all ways and similar photos face the same way.

    The defaults are what a stored refinement that lacks an option means; `DEFAULT` of
    `core.retrieval.choice` is what new models begin with.
    """

    method: Method = Field(
        "position_knn",
        description="none; position_knn: mean of the k nearest training positions to the predicted "
        "position; retrieval: nearest training photos in feature space, weighted by similarity",
    )
    k: int = Field(5, ge=1, description="Number of training photos that refine the position")
    heading_k: int = Field(5, ge=1, description="Number of training photos that refine the heading")
    radius_m: float | None = Field(
        None,
        gt=0,
        description="Retrieve only within this many metres of the raw position; none: everywhere",
    )
    region_weight: float = Field(
        0.0,
        ge=0,
        description="Weight of the log probability of a photo's region, added to its similarity",
    )
    place_weight: float = Field(
        0.0,
        ge=0,
        description="Weight of the place head's log probability of the anchor nearest to a photo, "
        "added to its similarity; 0 if the network has no place head",
    )
    points_weight: float = Field(
        0.0,
        ge=0,
        description="Weight of the evidence of inliers, added to the similarity of the photos "
        "that are compared; 0 if the gallery has no keypoints",
    )
    evidence: Evidence = Field(
        "count",
        description="What inliers are evidence for. count: the log number of inliers beyond a few; "
        "contrast: its log ratio to the median of the query's own candidates, or to 12 inliers "
        "if that is more, at least 0",
    )
    turn_hfov_deg: float | None = Field(
        None,
        gt=10,
        lt=170,
        description="Horizontal field of view with which the shift of matching keypoints corrects "
        "a neighbour's heading; none: no correction",
    )
    heading_spread_deg: float | None = Field(
        None,
        gt=0,
        lt=90,
        description="Headings within about this angle support each other, and the strongest mode "
        "of the neighbours' headings is taken; none: their mean vector",
    )
    temperature: float = Field(
        0.05, gt=0, description="Softness of the position weights: exp(similarity / temperature)"
    )
    heading_temperature: float = Field(
        0.05, gt=0, description="Softness of the heading weights: exp(similarity / temperature)"
    )
    region_k: int = Field(
        10,
        ge=1,
        description="Number of training photos that vote on the region, weighted like headings",
    )
    mode_radius_m: float = Field(
        25.0,
        gt=0,
        description="Retrieved positions further than this from the centre of the strongest "
        "cluster are not averaged",
    )
    blend_position: float = Field(
        1.0, ge=0, le=1, description="0: the raw position, 1: the neighbours'"
    )
    blend_heading: float = Field(
        0.0, ge=0, le=1, description="0: the raw heading, 1: the neighbours'"
    )
    blend_region: float = Field(
        0.0,
        ge=0,
        le=1,
        description="0: the region head's probabilities, 1: the neighbours' votes",
    )
