"""Which augmentations run, how often and how far; every one off is a legal choice."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from core.options import OptionSchema, Traits


def _ordered(bounds: tuple[float, float]) -> tuple[float, float]:
    if not 0.0 <= bounds[0] <= bounds[1]:
        raise ValueError(f"a range is two numbers from low to high, not below 0: got {bounds}")
    return bounds


Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Range = Annotated[tuple[float, float], AfterValidator(_ordered)]


class AugmentConfig(OptionSchema):
    """What may happen to a training photo, drawn anew for every photo and epoch.

    Geometry is truthful: an off-centre crop turns the heading by as much as it turns the optical
    axis, and roll leaves it alone. The reference's own rules (`rotation_rule="add_angle"`,
    `mirror_rule="reference"`) are there to be compared with, and off. How far the other steps go is
    fixed in `augment.py`.
    """

    removed: ClassVar[Mapping[str, Any]] = {
        "perspective": 0.05,
        "brightness": 0.3,
        "contrast": 0.3,
        "saturation": 0.3,
        "hue_deg": 8.0,
        "white_balance": 0.08,
        "blur_sigma": (0.3, 1.2),
        "noise_std": (1.0, 8.0),
        "erasing_area": (0.02, 0.1),
        "vertical_flip_probability": 0.0,
    }

    crop_probability: Probability = Field(1.0, description="Share of photos that are cropped")
    crop_scale: Annotated[Range, Traits(search="[0.9,1.0],[0.8,1.0],[0.6,1.0]")] = Field(
        (0.8, 1.0), description="Smallest and largest area of a crop, as shares of the photo"
    )
    crop_offset: Annotated[float, Traits(expert=True)] = Field(
        1.0, ge=0.0, le=1.0, description="How far off centre a crop may lie; 0: centred"
    )
    roll_probability: Probability = Field(0.5, description="Share of photos that are rolled")
    roll_deg: float = Field(8.0, ge=0.0, le=30.0, description="Largest roll either way, in degrees")
    rotation_rule: Annotated[Literal["none", "add_angle"], Traits(expert=True)] = Field(
        "none",
        description="What roll does to the heading. none: nothing, as in reality; add_angle: the "
        "student teams' rule, for comparison",
    )
    perspective_probability: Probability = Field(
        0.3, description="Share of photos whose perspective is skewed"
    )
    colour_probability: Annotated[Probability, Traits(search="0..1")] = Field(
        0.8, description="Share of photos whose brightness, contrast and colours change"
    )
    blur_probability: Probability = Field(0.2, description="Share of photos that are blurred")
    noise_probability: Probability = Field(0.3, description="Share of photos with added noise")
    erasing_probability: Annotated[Probability, Traits(search="0..0.5")] = Field(
        0.2, description="Share of photos with an erased rectangle"
    )
    mirror_probability: Probability = Field(
        0.0,
        description="Share of mirrored photos, for comparison only: a mirrored photo shows no real "
        "place; needs mirror_rule reference",
    )
    mirror_rule: Literal["forbid", "reference"] = Field(
        "forbid",
        description="reference: the student teams' rule, 360 minus the heading; forbid: refuse",
    )

    @classmethod
    def off(cls) -> Self:
        """Return the configuration that leaves every photo as it is."""
        names = (name for name in cls.model_fields if name.endswith("_probability"))
        return cls(**dict.fromkeys(names, 0.0))

    @model_validator(mode="after")
    def _refuse_untruths(self) -> Self:
        if self.mirror_probability > 0.0 and self.mirror_rule == "forbid":
            raise ValueError(
                "mirror_probability must be 0: a mirrored photo shows no real place and no heading "
                "fits it; to compare with the reference, set mirror_rule to 'reference'"
            )
        if not 0.0 < self.crop_scale[0] or self.crop_scale[1] > 1.0:
            raise ValueError(f"crop_scale lies in (0, 1], got {self.crop_scale}")
        return self
