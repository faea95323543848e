"""Options of the refinement; read by forms and cards, so this module imports nothing heavy."""

from typing import Literal

from pydantic import Field

from core.options import OptionSchema

Method = Literal["none", "position_knn", "retrieval"]


class RefineConfig(OptionSchema):
    """How raw predictions are drawn towards training photos. Chosen on validation, never on test.

    `method` says how the position is refined. Headings are always refined from neighbours in
    feature space: photos taken at one spot face every way, those that look alike face alike.
    """

    method: Method = Field(
        "position_knn",
        description="none; position_knn: mean of the k nearest training positions to the predicted "
        "position; retrieval: nearest training photos in feature space, weighted by similarity",
    )
    k: int = Field(5, ge=1, description="Training photos that refine the position")
    heading_k: int = Field(5, ge=1, description="Training photos that refine the heading")
    radius_m: float | None = Field(
        None,
        gt=0,
        description="Retrieve only within this many metres of the raw position; empty: the whole "
        "campus",
    )
    region_weight: float = Field(
        0.0,
        ge=0,
        description="Added to a photo's similarity: this times the log probability of its region",
    )
    points_weight: float = Field(
        0.0,
        ge=0,
        description="Added to a photo's similarity: this times the log of how many points lie as "
        "in it, of the 32 photos most alike; 0 where the gallery keeps no points",
    )
    turn_hfov_deg: float | None = Field(
        None,
        gt=10,
        lt=170,
        description="Turn the headings of photos whose points agree by how far these points moved, "
        "for cameras of this horizontal field of view; empty: as they are",
    )
    temperature: float = Field(
        0.05, gt=0, description="Softness of the position weights: exp(similarity / temperature)"
    )
    heading_temperature: float = Field(
        0.05, gt=0, description="Softness of the heading weights: exp(similarity / temperature)"
    )
    region_k: int = Field(
        10, ge=1, description="Training photos that vote on the region, weighted as for the heading"
    )
    mode_radius_m: float = Field(
        25.0,
        gt=0,
        description="Retrieved positions further than this from the strongest cluster's centre "
        "photo do not enter the mean",
    )
    blend_position: float = Field(
        1.0, ge=0, le=1, description="0 keeps the raw position, 1 takes the neighbours'"
    )
    blend_heading: float = Field(
        0.0, ge=0, le=1, description="0 keeps the raw heading, 1 takes the neighbours'"
    )
    blend_region: float = Field(
        0.0,
        ge=0,
        le=1,
        description="0 keeps the region head's probabilities, 1 takes the neighbours' votes",
    )
