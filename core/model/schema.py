"""Options of the model; read by forms, cards and the command line, so nothing heavy here."""

import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from core.labels import LABELS, Label
from core.options import OptionSchema, Traits

_EXPERT = Traits(expert=True)
_TRANSFORMERS = re.compile(r"vit|deit|swin|former|beit|eva|cait|volo|dino")
BEFORE_PLACES = {
    "place_anchors": 0,
    "position_head": "regression",
    "heading_head": "vector",
    "region_from_places": 0.0,
}
"""Values of options that make a network without a place head."""
BEFORE = BEFORE_PLACES | {"descriptor": "last"}
"""Values of options that a stored network does not name, because it is older than they are."""


def as_made(content: Mapping[str, Any]) -> dict[str, Any]:
    """Complete the options of a stored network by the values that held when it was written."""
    return BEFORE | dict(content)


def is_transformer(backbone: str) -> bool:
    """Whether a backbone is a transformer, by the names that timm gives them."""
    return _TRANSFORMERS.search(backbone) is not None


class ModelConfig(OptionSchema):
    """What the network is made of. Defaults are what the ablation supports."""

    removed: ClassVar[Mapping[str, Any]] = {"drop_path": 0.0}

    backbone: Annotated[str, Traits(basic=True)] = Field(
        "efficientnet_b0",
        min_length=1,
        description="Any timm model name: efficientnet_b0, mobilenetv3_large_100, resnet34, ...",
    )
    input_size: Annotated[int | None, Traits(basic=True)] = Field(
        None,
        ge=32,
        le=1024,
        description="Side of the square input in pixels; none: the backbone's own size",
    )
    weights: Annotated[str, Traits(basic=True)] = Field(
        "pretrained",
        min_length=1,
        description="Initial weights of the backbone: pretrained (timm's, downloaded once), "
        "random, or the path of a .safetensors or .pth file",
    )
    backbone_arguments: dict[str, Any] = Field(
        default_factory=dict,
        description='Further arguments of timm.create_model, such as {"drop_path_rate": 0.1}; '
        "pretrained weights must still fit",
    )
    region_hidden: Annotated[int, _EXPERT] = Field(
        128, ge=1, le=4096, description="Width of the region head"
    )
    region_dropout: Annotated[float, Traits(search="0..0.5")] = Field(
        0.2, ge=0, lt=1, description="Dropout before both layers of the region head"
    )
    position_hidden: Annotated[int, _EXPERT] = Field(
        128, ge=1, le=4096, description="Width of the latitude head and of the longitude head"
    )
    position_dropout: Annotated[float, Traits(search="0..0.5")] = Field(
        0.3, ge=0, lt=1, description="Dropout in the latitude head and in the longitude head"
    )
    heading_hidden: Annotated[int, _EXPERT] = Field(
        128, ge=1, le=4096, description="Width of the heading head"
    )
    heading_dropout: Annotated[float, Traits(search="0..0.5")] = Field(
        0.3, ge=0, lt=1, description="Dropout in the heading head"
    )
    region_embedding: Annotated[int, Traits(search="8,16,32,64")] = Field(
        16,
        ge=1,
        le=512,
        description="Width of the learned region embedding that the position and heading heads "
        "receive",
    )
    place_anchors: int = Field(
        128,
        ge=0,
        le=4096,
        description="Largest number of places of the place head, which classifies views and so "
        "makes features tell places apart; 0: no place head",
    )
    place_bearings: Annotated[int, _EXPERT] = Field(
        12,
        ge=1,
        le=72,
        description="Number of compass bearings that the place head distinguishes at a place",
    )
    position_target: Literal["metres", "unit_box"] = Field(
        "metres",
        description="What the position heads learn. metres: metres from the median of the training "
        "photos, divided by their robust spread; unit_box: values in [0, 1] between the smallest "
        "and the largest",
    )
    position_head: Literal["regression", "anchors"] = Field(
        "anchors",
        description="regression: two numbers; anchors: the strongest mode of the place head's "
        "distribution with a learned offset, so that two similar places are never averaged",
    )
    heading_head: Literal["vector", "bearings"] = Field(
        "bearings",
        description="vector: regressed cosine and sine; bearings: the strongest mode of the place "
        "head's bearings, so that opposite views are never averaged",
    )
    region_from_places: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Share of the region probabilities that the place head gives; the region head "
        "gives the rest",
    )
    descriptor: Annotated[Literal["last", "middle"], _EXPERT] = Field(
        "middle",
        description="What similar training photos are searched by. last: the pooled last layer of "
        "the backbone; middle: that and a pooled stage in the middle, at stride 16",
    )

    @property
    def reads_places(self) -> bool:
        """Whether position, heading or region is read off the place head."""
        regressed = self.position_head == "regression" and self.heading_head == "vector"
        return not regressed or self.region_from_places > 0

    def for_labels(self, labels: Collection[Label]) -> Self:
        """Return the options of the network that predicts these labels, and only these.

        Without positions there are no places to tell apart; without headings a place has one
        bearing.
        """
        without: dict[Label, dict[str, Any]] = {
            "position": BEFORE_PLACES,
            "heading": {"place_bearings": 1, "heading_head": "vector"},
            "region": {"region_from_places": 0.0},
        }
        changes: dict[str, Any] = {}
        for label in LABELS:
            changes |= without[label] if label not in labels else {}
        return self.model_copy(update=changes) if changes else self

    @model_validator(mode="before")
    @classmethod
    def _nothing_to_read(cls, values: Any) -> Any:  # noqa: ANN401 - whatever was given
        """Without places the other heads predict, unless the options say otherwise."""
        without = isinstance(values, dict) and values.get("place_anchors") in (0, "0")
        return BEFORE_PLACES | values if without else values

    @model_validator(mode="after")
    def _places_to_read(self) -> Self:
        if self.reads_places and self.place_anchors == 0:
            raise ValueError(
                "position_head anchors, heading_head bearings and region_from_places are read off "
                "the place head: set place_anchors too, to 128 for instance"
            )
        if self.heading_head == "bearings" and self.place_bearings < 4:
            raise ValueError("heading_head bearings needs at least 4 place_bearings: 12 are usual")
        return self


class RetrievalConfig(OptionSchema):
    """A frozen backbone beside the trained one, by which training photos are searched too."""

    backbone: str | None = Field(
        None,
        min_length=1,
        description="Frozen backbone that also describes photos for retrieval: any timm model "
        "name, for instance one trained to recognise places; none: only the trained one does",
    )
    weights: str = Field(
        "pretrained",
        min_length=1,
        description="Weights of the retrieval backbone: pretrained (timm's, downloaded once), or "
        "the path of a .safetensors or .pth file",
    )
    input_size: int | None = Field(
        None,
        ge=32,
        le=1024,
        description="Side of the retrieval backbone's square input in pixels; none: its own size. "
        "Photos are decoded to at least this size",
    )


class LossConfig(OptionSchema):
    """How the errors of the three tasks add up."""

    removed: ClassVar[Mapping[str, Any]] = {
        "position_scale_m": 5.0,
        "region_sigma_m": 0.0,
        "huber_delta": 0.5,
        "place_sigma_m": 10.0,
        "place_concentration": 4.0,
    }
    removed_choices: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "position_loss": ("huber_m", "student_t")
    }

    region_weight: float = Field(1.0, ge=0, description="Weight of the region's cross-entropy")
    position_weight: Annotated[float, Traits(search="0.3..3 log")] = Field(
        1.0, ge=0, description="Weight of the position loss"
    )
    heading_weight: Annotated[float, Traits(search="0.3..3 log")] = Field(
        1.0, ge=0, description="Weight of the heading loss"
    )
    place_weight: float = Field(1.0, ge=0, description="Weight of the place head's cross-entropy")
    position_loss: Literal["mse", "huber"] = Field(
        "mse",
        description="mse: squared error; huber: Huber loss, less sensitive to wrong labels",
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="Share of each region label spread over all regions"
    )


class TtaConfig(OptionSchema):
    """Test-time averaging over crops of a photo, whose headings are turned back."""

    removed: ClassVar[Mapping[str, Any]] = {"side": 0.9}

    views: int = Field(
        3,
        ge=1,
        le=9,
        description="Views of each photo that a prediction averages: 1 is the whole photo, 3 adds "
        "a crop to the left and one to the right; prediction time grows with it",
    )

    @model_validator(mode="after")
    def _in_pairs(self) -> Self:
        if self.views % 2 == 0:
            raise ValueError(
                f"views must be odd, the photo and pairs of crops beside it: {self.views} is not"
            )
        return self
