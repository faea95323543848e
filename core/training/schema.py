"""Options of `train`: one schema for the command line, the form and the run file; no torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from core.dataset.augment_schema import AugmentConfig
from core.labels import Label
from core.model.schema import (
    LossConfig,
    ModelConfig,
    RetrievalConfig,
    TtaConfig,
    as_made,
    is_transformer,
)
from core.options import NO_EFFECT, OptionSchema, Traits
from core.retrieval.schema import GALLERY_POINTS, RefineConfig
from core.splits.schema import SplitConfig

BATCH_SIZE = 32
LARGEST_BATCH = 8192
AUTO = "auto"
"""How `batch_size` is written when the run is to find it."""
DESCRIPTOR_EPOCH_STEPS = 20
"""Steps of an epoch of the descriptor, after which its bank is renewed."""
SMALLEST_BATCH = 8
"""`least_steps` never lowers a step to fewer photos: BatchNorm's statistics get too coarse."""
BEFORE: dict[str, Any] = {
    "tta": {"views": 1},
    "gallery_whiten": 0.0,
    "gallery_points": 0,
    "local_features": "sift",
    "least_steps": 0,
}
"""Values of options that a stored run does not name, because it is older than they are."""
Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]
Monitor = Literal["score", "loss", "region_accuracy", "median_m", "maae_deg"]
PresetName = Literal["quick", "balanced", "best"]
HIGHER_IS_BETTER = frozenset({"region_accuracy"})
MONITORED: Mapping[str, Label] = {
    "region_accuracy": "region", "median_m": "position", "maae_deg": "heading",
}  # fmt: skip
"""The label that a monitored figure needs; the others take what there is."""
_OTHER_PHOTOS = "another choice of photos makes figures that cannot be compared"
_SET_BY_STUDY = "the study sets it itself"


class Stage1Config(OptionSchema):
    """Stage 1: heads only, on features of the frozen backbone computed once."""

    epochs: int | None = Field(
        None,
        ge=0,
        le=10_000,
        description="Epochs with a frozen backbone; none: 2, or 0 for random weights",
    )
    lr: float = Field(1e-3, gt=0, le=1, description="Peak learning rate of the heads")
    weight_decay: Annotated[float, Traits(expert=True)] = Field(
        1e-4, ge=0, le=1, description="Weight decay of AdamW"
    )
    views: int = Field(
        4,
        ge=1,
        le=32,
        description="Augmented views of each photo whose features are computed and kept",
    )


class Stage2Config(OptionSchema):
    """Stage 2: the backbone, or its last blocks, is fine-tuned with the heads."""

    removed: ClassVar[Mapping[str, Any]] = {"layer_decay": 1.0}

    epochs: Annotated[int, Traits(basic=True)] = Field(
        20, ge=0, le=10_000, description="Epochs of fine-tuning"
    )
    unfreeze: int | None = Field(
        None,
        ge=1,
        le=1000,
        description="Number of last blocks of the backbone that are trained; none: all",
    )
    lr_backbone: Annotated[float | None, Traits(search="1e-5..3e-3 log")] = Field(
        None,
        gt=0,
        le=1,
        description="Peak learning rate of the backbone; none: half of lr_heads, a twentieth "
        "of it for transformers, all of it for random weights",
    )
    lr_heads: Annotated[float, Traits(search="1e-4..1e-2 log")] = Field(
        2e-3, gt=0, le=1, description="Peak learning rate of the heads"
    )
    weight_decay: Annotated[float, Traits(search="1e-6..1e-2 log")] = Field(
        0.02, ge=0, le=1, description="Weight decay of AdamW; not applied to norms and biases"
    )


class ScheduleConfig(OptionSchema):
    """How learning rates change within a stage."""

    removed: ClassVar[Mapping[str, Any]] = {"plateau_factor": 0.3}

    kind: Annotated[
        Literal["cosine", "one_cycle", "plateau"], Traits(search="cosine,one_cycle,plateau")
    ] = Field(
        "cosine",
        description="Learning-rate schedule. cosine: decays to 0; one_cycle: rises for 30 % of the "
        "steps, then decays; plateau: is reduced when the monitored figure stops improving",
    )
    warmup_epochs: float = Field(
        1.0, ge=0, le=20, description="Epochs of linear warm-up before cosine and plateau"
    )
    plateau_patience: Annotated[int, Traits(expert=True)] = Field(
        3, ge=0, le=100, description="Epochs without improvement before plateau reduces the rate"
    )


_DATA = "data and split"
_NETWORK = "network"
_AUGMENTATION = "augmentation"
_LOSS = "loss"
_TRAINING = "training"
_GALLERY = "gallery and refinement"
_HARDWARE = "hardware"
_SAVING = "saving and logging"


class TrainConfig(OptionSchema):
    """Everything that decides a training run."""

    removed: ClassVar[Mapping[str, Any]] = {"mixup_alpha": 0.0, "channels_last": True}

    dataset: Annotated[
        Path, Traits(affects_result=False, not_searchable=_OTHER_PHOTOS, basic=True)
    ] = Field(description="Dataset folder: labels and photos")
    run: Annotated[Path, Traits(affects_result=False, not_searchable=_SET_BY_STUDY, basic=True)] = (
        Field(description="Run folder to write, for instance runs/first")
    )
    preset: Annotated[
        PresetName | None,
        Traits(affects_result=False, not_searchable=_SET_BY_STUDY, topic=_TRAINING, basic=True),
    ] = Field(
        None,
        description="Named set of options to begin with, by the number of photos and the device; "
        "options given beside it win. quick: trains nothing, minutes; balanced: the default; best: "
        "the strongest network that one GPU trains in about an hour",
    )
    seed: Annotated[
        int,
        Traits(
            not_searchable="the best of many seeds is luck, not a better choice",
            topic=_TRAINING,
            basic=True,
        ),
    ] = Field(0, ge=0, description="Seed of weights, order, augmentation and dropout")
    zero_training: Annotated[bool, Traits(topic=_TRAINING, basic=True)] = Field(
        False,
        description="Train no heads: the most similar training photos, by features of the "
        "untouched backbone, give the answer; takes about a minute, and longer with "
        "descriptor_steps",
    )
    split: Annotated[SplitConfig, Traits(not_searchable=_OTHER_PHOTOS, topic=_DATA)] = SplitConfig()
    model: Annotated[ModelConfig, Traits(topic=_NETWORK)] = ModelConfig()
    retrieval: Annotated[
        RetrievalConfig,
        Traits(not_searchable="a frozen backbone is compared by few runs", topic=_GALLERY),
    ] = RetrievalConfig()
    augment: Annotated[AugmentConfig, Traits(topic=_AUGMENTATION)] = AugmentConfig()
    loss: Annotated[LossConfig, Traits(topic=_LOSS)] = LossConfig()
    stage1: Annotated[Stage1Config, Traits(topic=_TRAINING)] = Stage1Config()
    stage2: Annotated[Stage2Config, Traits(topic=_TRAINING)] = Stage2Config()
    schedule: Annotated[ScheduleConfig, Traits(topic=_TRAINING)] = ScheduleConfig()
    descriptor_steps: Annotated[int, Traits(topic=_TRAINING)] = Field(
        0,
        ge=0,
        le=100_000,
        description="Steps of fine-tuning that make the descriptors of near views alike, with "
        "zero_training; 300 are usual; rounded up to a multiple of 20; 0: the backbone stays "
        "untouched",
    )
    refine: Annotated[
        RefineConfig | None,
        Traits(
            not_searchable="every run chooses it on validation itself, after training",
            topic=_GALLERY,
        ),
    ] = Field(
        None,
        description="Refinement by training photos as a JSON object, such as "
        '{"method": "retrieval", "k": 5}; none: chosen on validation',
    )
    tta: Annotated[TtaConfig, Traits(topic=_GALLERY)] = TtaConfig()
    gallery_dimensions: Annotated[int | None, Traits(topic=_GALLERY)] = Field(
        None,
        ge=2,
        le=4096,
        description="Dimensions that the gallery keeps of each part of a descriptor; none: 256 if "
        "gallery_whiten is none too, else all",
    )
    gallery_whiten: Annotated[float | None, Traits(topic=_GALLERY, expert=True)] = Field(
        None,
        ge=0,
        le=1,
        description="Strength of whitening of the gallery's descriptors, from 0 to 1; none: 0.5 if "
        "gallery_dimensions is none too, else 0",
    )
    gallery_points: Annotated[int, Traits(topic=_GALLERY)] = Field(
        GALLERY_POINTS,
        ge=0,
        le=1000,
        description="Keypoints that the gallery keeps of each training photo for geometric "
        "verification; 20 bytes each, 12 kB for 600; 0: none",
    )
    local_features: Annotated[
        Literal["auto", "sift", "xfeat"], Traits(topic=_GALLERY, expert=True)
    ] = Field(
        "auto",
        description="Kind of keypoints. sift: 20 ms a photo on one core; xfeat: learned, 50 ms, "
        "and matches photos of different days better; auto: xfeat if it is installed, else sift",
    )
    batch_size: Annotated[
        int | None,
        BeforeValidator(lambda value: None if value == AUTO else value),
        Traits(topic=_TRAINING, basic=True, nothing=AUTO),
    ] = Field(
        BATCH_SIZE,
        ge=1,
        le=LARGEST_BATCH,
        description="Largest number of photos in a step, over all processes; 16 to 64 is usual. "
        f"auto: the size that a GPU trains fastest, found before the first step; on a CPU "
        f"{BATCH_SIZE}",
    )
    least_steps: Annotated[int, Traits(topic=_TRAINING)] = Field(
        24,
        ge=0,
        le=10_000,
        description="Smallest number of steps in an epoch: a small training part gets batches "
        "smaller than batch_size, down to 8 photos; 0: always batch_size",
    )
    p_known: Annotated[float, Traits(topic=_TRAINING)] = Field(
        0.5,
        ge=0,
        le=1,
        description="Probability that the heads receive a training photo's true region, and "
        "independently its true heading, in place of the model's own estimate",
    )
    patience: Annotated[int, Traits(topic=_TRAINING)] = Field(
        10, ge=0, le=100, description="Epochs without improvement that end a stage; 0: never"
    )
    monitor: Annotated[Monitor, Traits(not_searchable=_SET_BY_STUDY, topic=_TRAINING)] = Field(
        "score",
        description="Validation figure that selects the best epoch. score: the mean of median "
        "error over the campus's typical radius, MAAE over 90 degrees, and 1 - accuracy",
    )
    clip_norm: Annotated[float | None, Traits(topic=_TRAINING)] = Field(
        5.0, gt=0, description="Largest norm of a step's gradient; none: no clipping"
    )
    ema_decay: Annotated[float, Traits(topic=_TRAINING)] = Field(
        0.99,
        ge=0,
        lt=1,
        description="Decay of the weights' moving average, which is validated and saved; 0: off",
    )
    farthest_spreads: Annotated[float, Traits(topic=_DATA, expert=True)] = Field(
        10.0,
        gt=0,
        description="Training photos further than this many robust spreads from the median teach "
        "no position: such labels are typing errors",
    )
    device: Annotated[
        Literal["auto", "cpu", "cuda", "mps"],
        Traits(affects_result=False, topic=_HARDWARE, basic=True),
    ] = Field("auto", description="Device to train on; auto: the best one here")
    precision: Annotated[Literal["auto", "fp32", "bf16", "fp16"], Traits(topic=_HARDWARE)] = Field(
        "auto", description="Precision of the forward pass; auto: the fastest safe one"
    )
    threads: Annotated[int | None, Traits(affects_result=False, topic=_HARDWARE)] = Field(
        None, ge=1, le=512, description="CPU threads of torch; none: torch decides"
    )
    workers: Annotated[int | None, Traits(affects_result=False, topic=_HARDWARE, expert=True)] = (
        Field(
            None,
            ge=0,
            le=64,
            description="Threads or processes that prepare the next batches during a step; 0: "
            "off; none: 1 if a CPU trains, up to 4 threads or 8 processes if a GPU does",
        )
    )
    loader: Annotated[
        Literal["threads", "processes"],
        Traits(affects_result=False, topic=_HARDWARE, expert=True),
    ] = Field(
        "threads",
        description="What prepares batches. threads: start at once; processes: prepare more "
        "photos a second on many cores, and take seconds to start; batches are the same",
    )
    augment_on: Annotated[
        Literal["cpu", "device"],
        Traits(not_searchable=NO_EFFECT, topic=_HARDWARE, expert=True),
    ] = Field(
        "cpu",
        description="Where photos are augmented. device: whole batches where the network is "
        "trained; the same changes, pictures differ by roundings",
    )
    store_size: Annotated[int | None, Traits(topic=_DATA)] = Field(
        None,
        ge=32,
        le=2048,
        description="Side in pixels of the decoded photos kept on disk, in which keypoints are "
        "detected; none: the input size, or with XFeat keypoints up to 448, no larger than the "
        "photos are and at most 4 GB in all",
    )
    allow_missing: Annotated[bool, Traits(not_searchable=_OTHER_PHOTOS, topic=_DATA)] = Field(
        False, description="Continue if more than 1 % of the rows cannot be used"
    )
    leave_out_tags: Annotated[
        tuple[Tag, ...], Traits(not_searchable=_OTHER_PHOTOS, topic=_DATA)
    ] = Field(
        (),
        description="Tags, with commas between them, whose photos are left out of the training "
        "part; they stay in the other parts",
    )
    checkpoint_dtype: Annotated[
        Literal["float32", "float16"],
        Traits(not_searchable=NO_EFFECT, topic=_SAVING, expert=True),
    ] = Field("float32", description="Type of the saved weights; float16 halves the checkpoint")
    export_onnx: Annotated[bool, Traits(affects_result=False, topic=_SAVING, expert=True)] = Field(
        True,
        description="Export the calibrated checkpoint as ONNX at the end, which takes seconds: "
        "CPUs then predict without torch; off for folds and trials",
    )
    wandb: Annotated[bool, Traits(affects_result=False, topic=_SAVING)] = Field(
        False, description="Also log to Weights & Biases (pip install wandb)"
    )
    command: Annotated[
        str, Traits(affects_result=False, not_searchable=_SET_BY_STUDY, expert=True)
    ] = Field("", description="Command that began the run; filled in by the command line")

    @model_validator(mode="after")
    def _something_to_do(self) -> Self:
        if self.retrieval.weights == "random":
            raise ValueError("a frozen retrieval backbone of random weights tells no places apart")
        if self.descriptor_steps and not self.zero_training:
            raise ValueError(
                "descriptor_steps trains the backbone of a run without heads: set zero_training "
                "too, or leave it out"
            )
        if self.zero_training:
            if self.retrieval.backbone is not None:
                raise ValueError(
                    "zero_training searches by the untouched backbone itself: name it as "
                    "model.backbone, with its weights and input size, not as retrieval.backbone"
                )
            if self.model.weights == "random":
                raise ValueError(
                    "zero_training needs a trained backbone, and model.weights "
                    "is random: choose pretrained or a file of weights"
                )
        elif self.planned_epochs == 0:
            raise ValueError("stage1.epochs and stage2.epochs are both 0: nothing would be trained")
        return self

    def photos_per_step(self, photos: int) -> int:
        """Return the largest number of photos in a step, given the number of training photos."""
        most = self.batch_photos
        if self.least_steps == 0 or self.zero_training:
            return most
        least = min(SMALLEST_BATCH, most)
        return max(least, min(most, photos // self.least_steps))

    @property
    def batch_photos(self) -> int:
        """The batch size as a number: the usual one until a run has found its own."""
        return BATCH_SIZE if self.batch_size is None else self.batch_size

    @property
    def stage1_epochs(self) -> int:
        """Epochs of stage 1, after the rule for random weights."""
        if self.zero_training:
            return 0
        if self.stage1.epochs is not None:
            return self.stage1.epochs
        return 0 if self.model.weights == "random" else 2

    @property
    def stage2_epochs(self) -> int:
        """Epochs of stage 2, or of the descriptor."""
        if self.zero_training:
            return -(-self.descriptor_steps // DESCRIPTOR_EPOCH_STEPS)
        return self.stage2.epochs

    @property
    def planned_epochs(self) -> int:
        """Epochs of both stages."""
        return self.stage1_epochs + self.stage2_epochs

    @property
    def lr_backbone(self) -> float:
        """Learning rate of the backbone in stage 2, after the rule for random weights."""
        if self.stage2.lr_backbone is not None:
            return self.stage2.lr_backbone
        if self.model.weights == "random":
            return self.stage2.lr_heads
        return self.stage2.lr_heads * (0.05 if is_transformer(self.model.backbone) else 0.5)


def as_begun_with(content: Mapping[str, Any]) -> dict[str, Any]:
    """Complete the options of a stored run by the values that held when it was written."""
    complete = BEFORE | dict(content)
    return complete | {"model": as_made(complete.get("model", {}))}
