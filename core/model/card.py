"""The card of a checkpoint or an ensemble: everything known without loading weights; no torch."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from core.areas import Area
from core.errors import CheckpointError
from core.files import checked, read_object, write_json
from core.geo import CoordinateFrame, LocalFrame
from core.labels import LABELS, Label
from core.model.normaliser import Normaliser
from core.model.schema import ModelConfig, TtaConfig, as_made
from core.runs import CARD

SCHEMA_VERSION = 1
# Programs that know no ensembles say "newer: update", instead of missing the weights.
ENSEMBLE_VERSION = 2
_REMEDY = "copy the folder again"
MEMBERS = "members"
Weighing = Literal["uniform", "softmax", "fitted"]


class MemberCard(BaseModel):
    """One member: its folder under `members/`, its share of the answer, and where it came from.

    `weights` is the content name of its network's file, so that no other network takes its place;
    `metrics` are its own figures on the validation part, refined answers unless they say raw.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[^/\\.][^/\\]*$")
    weight: float = Field(ge=0, le=1)
    weights: str
    created: str
    command: str
    metrics: dict[str, float]


class EnsembleCard(BaseModel):
    """The members of an ensemble, by falling weight, and how their answers become one.

    `rule` says in words how the weights were chosen, `photos` on how many validation photos. Where
    a member lies more than `agree_m` metres from the weighted mean, the medoid answers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    members: tuple[MemberCard, ...] = Field(min_length=2)
    lead: str
    weighing: Weighing
    temperature: float | None = None
    rule: str
    photos: int
    agree_m: float = Field(ge=0)

    @model_validator(mode="after")
    def _check_members(self) -> Self:
        names = [member.name for member in self.members]
        if len(set(names)) < len(names) or self.lead not in names:
            raise ValueError("members need names of their own, one of which is the lead")
        if not np.isclose(sum(member.weight for member in self.members), 1.0, atol=1e-6):
            raise ValueError("the members' weights must add up to 1")
        return self


Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
# No network of these takes larger photos; a card that says so would fill the memory.
_LARGEST_SIDE = 8192


class PreprocessCard(BaseModel):
    """How a photo becomes the backbone's input: size in pixels, channel statistics in [0, 1].

    `store_size` is the side that photos were decoded to before they were resized to the input:
    inference resamples as training did. Absent: they were decoded to the input's size.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    input_size: int = Field(ge=1, le=_LARGEST_SIDE)
    mean: tuple[Finite, Finite, Finite]
    std: tuple[Positive, Positive, Positive]
    interpolation: str
    store_size: int | None = Field(None, ge=1, le=_LARGEST_SIDE)


class RetrievalCard(BaseModel):
    """The frozen backbone whose descriptors follow those of the network; `weights` is its file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    backbone: str
    preprocess: PreprocessCard
    weights: str = Field(pattern=r"^retrieval-[0-9a-f]{16}\.safetensors$")


class GraphCard(BaseModel):
    """A graph without weights, which stay in the file that the card names.

    `widths` and `parts` describe its descriptors; it has no place for the weights `unused`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str = Field(pattern=r"^network-[0-9a-f]{16}\.onnx$")
    widths: tuple[int, ...]
    parts: tuple[str, ...]
    unused: tuple[str, ...]


class ExportCard(BaseModel):
    """The network, and the retrieval backbone if there is one, as ONNX.

    `key` says what the graphs were made of (`Card.export_key`); graphs of anything else are not
    used. `checked_on` and `difference` say on which photos answers were compared with torch's, and
    the largest difference of each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: GraphCard
    retrieval: GraphCard | None
    key: str
    opset: int
    checked_on: str
    difference: dict[str, Finite]
    versions: dict[str, str]


class TtaCard(TtaConfig):
    """The crops of a photo that a prediction averages, and the field of view that they assume.

    `side` is the side of a crop as a share of the photo's. `hfov_deg` is the median of the training
    photos' squares: that of an uploaded photo is unknown, and one figure for all makes evaluation
    and prediction alike.
    """

    removed: ClassVar[Mapping[str, Any]] = {}

    side: float = Field(0.9, ge=0.5, lt=1)
    hfov_deg: float


class SplitCard(BaseModel):
    """Which split the checkpoint was trained and selected on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    protocol: str
    seed: int
    fold: int | None = None
    folds: int | None = None
    hash: str


class LeftOutCard(BaseModel):
    """Photos of the training part that were not trained on, because of their tags.

    Attributes:
        tags: A photo with one of these is left out.
        photos: By photo id, sorted: as the tags were when the run began.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tags: tuple[str, ...]
    photos: tuple[str, ...]

    @property
    def words(self) -> str:
        """How many photos were left out of training, and why."""
        tags, count = " or ".join(self.tags), len(self.photos)
        if count == 1:
            return f"1 photo with the tag {tags} is left out of training"
        return f"{count:,} photos with the tag {tags} are left out of training"


class Card(BaseModel):
    """What a checkpoint says about itself; `weights` names the file it belongs to.

    `trained` is False for a first answer without training: the heads mean nothing then, and the
    gallery's photos answer in their place. `tta` is there where a photo is asked in several crops,
    `retrieval` where a frozen backbone of its own describes photos too. `descriptor` says what the
    gallery's descriptors are made of; absent: of the pooled last layer alone.

    `labels` are what the model predicts: what nobody had labelled it cannot. `region_centres` are
    `[latitude, longitude]` in label units, by region, where regions were made from positions.
    `areas` are the polygons of the regions, if the data set has some. `left_out` are the photos of
    the training part that a tag kept out of training.

    An ensemble's card (`ensemble` is there) names no weights; its network, preprocessing and
    normaliser are those of its lead, the member whose gallery is used.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = SCHEMA_VERSION
    created: str
    campus: str
    demo_seed: int | None = None
    demo_photos: int | None = None
    frame: CoordinateFrame
    origin: tuple[Finite, Finite]
    regions: tuple[str, ...]
    region_names: dict[str, str]
    model: ModelConfig
    preprocess: PreprocessCard
    normaliser: Normaliser
    split: SplitCard
    refine: dict[str, Any] | None = None
    metrics: dict[str, float] = Field(default_factory=dict)
    command: str
    versions: dict[str, str] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
    weights: str = Field("", pattern=r"^[^/\\]*$")
    weights_dtype: Literal["float32", "float16"] = "float32"
    trained: bool = True
    tta: TtaCard | None = None
    retrieval: RetrievalCard | None = None
    descriptor: tuple[str, ...] | None = None
    exported: ExportCard | None = None
    ensemble: EnsembleCard | None = None
    areas: tuple[Area, ...] = ()
    labels: tuple[Label, ...] = Field(LABELS, min_length=1)
    region_centres: tuple[tuple[float, float], ...] | None = None
    left_out: LeftOutCard | None = None

    @field_validator("model", mode="before")
    @classmethod
    def _as_made(cls, value: Any) -> Any:  # noqa: ANN401 - whatever the file holds
        return as_made(value) if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        if (self.schema_version == ENSEMBLE_VERSION) != (self.ensemble is not None):
            raise ValueError("an ensemble, and nothing else, has schema version 2 and members")
        if self.labels != tuple(label for label in LABELS if label in self.labels):
            raise ValueError(f"labels must be some of {', '.join(LABELS)}, in this order")
        if ("region" in self.labels) != bool(self.regions):
            raise ValueError("a model of regions, and no other, names them")
        if self.region_centres is not None and len(self.region_centres) != len(self.regions):
            raise ValueError("every region that was made from positions needs its centre")
        return self

    @property
    def export_key(self) -> str:
        """A hash of all that the network computes from: weights, options, preprocessing."""
        parts = {"weights", "model", "preprocess", "retrieval", "labels"}
        content = self.model_dump(mode="json", include=parts) | {"regions": len(self.regions)}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def local_frame(self) -> LocalFrame:
        """The metres that positions of this checkpoint are in."""
        return LocalFrame(self.frame, self.origin)


def write_card(folder: Path, card: Card) -> None:
    """Replace the card of a checkpoint folder at once."""
    # A usual card stays readable by programs that know none of these.
    optional = (
        "ensemble", "tta", "retrieval", "descriptor", "region_centres", "exported", "left_out",
    )  # fmt: skip
    unsaid = {name for name in optional if getattr(card, name) is None}
    unsaid |= {"trained"} if card.trained else set()
    unsaid |= set() if card.areas else {"areas"}
    unsaid |= {"labels"} if card.labels == LABELS else set()
    write_json(folder / CARD, card.model_dump(mode="json", exclude=unsaid))


def read_card(folder: Path) -> Card:
    """Read the card of a checkpoint folder, without torch and without the weights.

    Raises:
        CheckpointError: No card, not JSON, another schema version, or a key is missing or wrong.
    """
    path = folder / CARD
    if not folder.is_dir():
        raise CheckpointError(f"no checkpoint folder at {folder}: give the path of one, or train")
    content = read_object(path, _REMEDY, CheckpointError)
    if content is None:
        raise CheckpointError(
            f"{folder} holds no {CARD}, so it is no checkpoint, or one that is still being "
            "written: choose another, or wait for the first epoch to end"
        )
    _check_version(content, path)
    return checked(content, Card, path, _REMEDY, CheckpointError)


def _check_version(content: dict[str, Any], path: Path) -> None:
    version = content.get("schema_version")
    if version is None:
        raise CheckpointError(f"{path} is damaged (key schema_version is missing): {_REMEDY}")
    if version not in (SCHEMA_VERSION, ENSEMBLE_VERSION):
        direction = "newer" if isinstance(version, int) and version > ENSEMBLE_VERSION else "older"
        remedy = "update Bearings" if direction == "newer" else "train the checkpoint again"
        raise CheckpointError(
            f"{path} has schema version {version!r}, {direction} than the {ENSEMBLE_VERSION} that "
            f"this program reads: {remedy}"
        )
