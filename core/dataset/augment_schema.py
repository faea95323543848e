"""Which augmentations run, how often and how far; every one off is a legal choice."""

from typing import Annotated, Literal, Self

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
    `mirror_rule="reference"`) are there to be compared with, and off.
    """

    crop_probability: Probability = Field(1.0, description="share of photos that are cropped")
    crop_scale: Annotated[Range, Traits(search="[0.9,1.0],[0.8,1.0],[0.6,1.0]")] = Field(
        (0.8, 1.0), description="area of the crop as a share of the photo"
    )
    crop_offset: float = Field(
        1.0, ge=0.0, le=1.0, description="how far off centre a crop may lie; 0 is centred"
    )
    roll_probability: Probability = Field(0.5, description="share of photos that are rolled")
    roll_deg: float = Field(8.0, ge=0.0, le=30.0, description="largest roll, either way, degrees")
    rotation_rule: Literal["none", "add_angle"] = Field(
        "none", description="what roll does to the heading: nothing, or the reference's rule"
    )
    perspective_probability: Probability = Field(0.3, description="share with skewed perspective")
    perspective: float = Field(
        0.05, ge=0.0, le=0.4, description="largest skew, as a share of the half width"
    )
    colour_probability: Annotated[Probability, Traits(search="0..1")] = Field(
        0.8, description="share with changed light"
    )
    brightness: float = Field(0.3, ge=0.0, lt=1.0, description="largest change of brightness")
    contrast: float = Field(0.3, ge=0.0, lt=1.0, description="largest change of contrast")
    saturation: float = Field(0.3, ge=0.0, le=1.0, description="largest change of saturation")
    hue_deg: float = Field(8.0, ge=0.0, le=180.0, description="largest turn of hue, degrees")
    white_balance: float = Field(
        0.08, ge=0.0, lt=1.0, description="largest change of the red and of the blue gain"
    )
    blur_probability: Probability = Field(0.2, description="share of photos that are blurred")
    blur_sigma: Range = Field((0.3, 1.2), description="blur in pixels of the network's input")
    noise_probability: Probability = Field(0.3, description="share of photos with added noise")
    noise_std: Range = Field((1.0, 8.0), description="noise in grey levels of 255")
    erasing_probability: Annotated[Probability, Traits(search="0..0.5")] = Field(
        0.2, description="share with an erased rectangle"
    )
    erasing_area: Range = Field((0.02, 0.1), description="erased area as a share of the photo")
    mirror_probability: Probability = Field(
        0.0, description="share of mirrored photos; a mirrored photo shows no real place"
    )
    mirror_rule: Literal["forbid", "reference"] = Field(
        "forbid", description="forbid, or the reference's rule: 360 minus the heading"
    )
    vertical_flip_probability: float = Field(0.0, description="must be 0: no camera sees that")

    @classmethod
    def off(cls) -> Self:
        """Return the configuration that leaves every photo as it is."""
        names = (name for name in cls.model_fields if name.endswith("_probability"))
        return cls(**dict.fromkeys(names, 0.0))

    @model_validator(mode="after")
    def _refuse_untruths(self) -> Self:
        if self.vertical_flip_probability != 0.0:
            raise ValueError(
                "vertical_flip_probability must be 0: a photo upside down shows no place that a "
                "camera can see"
            )
        if self.mirror_probability > 0.0 and self.mirror_rule == "forbid":
            raise ValueError(
                "mirror_probability must be 0: a mirrored photo shows no real place and no heading "
                "fits it; to compare with the reference, set mirror_rule to 'reference'"
            )
        if not 0.0 < self.crop_scale[0] or self.crop_scale[1] > 1.0:
            raise ValueError(f"crop_scale lies in (0, 1], got {self.crop_scale}")
        if self.erasing_area[1] >= 1.0:
            raise ValueError(f"erasing_area lies below 1, got {self.erasing_area}")
        return self
