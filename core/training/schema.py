"""Options of `train`: one schema for the command line, the form and the run file; no torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from core.dataset.augment_schema import AugmentConfig
from core.dataset.split_schema import SplitConfig
from core.model.schema import (
    LossConfig,
    ModelConfig,
    TtaConfig,
    as_made,
    is_transformer,
)
from core.options import NO_EFFECT, OptionSchema, Traits
from core.refine.schema import RefineConfig

SMALLEST_BATCH = 8
"""Fewer photos make BatchNorm's statistics too coarse to be lowered to without being asked."""
BEFORE: dict[str, Any] = {
    "tta": {"views": 1},
    "gallery_whiten": 0.0,
    "gallery_points": 0,
    "least_steps": 0,
}
"""What a run did whose options do not say: it was begun before these could be chosen."""
Monitor = Literal["score", "loss", "region_accuracy", "median_m", "maae_deg"]
HIGHER_IS_BETTER = frozenset({"region_accuracy"})
_SAME_RESULT = Traits(affects_result=False)
_OTHER_PHOTOS = "another choice of photos makes figures that cannot be compared"
_SET_BY_STUDY = "the study sets it itself"


class Stage1Config(OptionSchema):
    """Stage 1: heads only, on features of the frozen backbone computed once."""

    epochs: int | None = Field(
        None,
        ge=0,
        le=10_000,
        description="Epochs with a frozen backbone; empty: 2, or 0 for random weights, whose "
        "features are worth nothing yet",
    )
    lr: float = Field(1e-3, gt=0, le=1, description="Highest learning rate of the heads")
    weight_decay: float = Field(1e-4, ge=0, le=1, description="AdamW's weight decay")
    views: int = Field(
        4,
        ge=1,
        le=32,
        description="Augmented views of every photo whose features are computed and kept",
    )


class Stage2Config(OptionSchema):
    """Stage 2: the backbone, or its last blocks, is fine-tuned with the heads."""

    epochs: int = Field(20, ge=0, le=10_000, description="Epochs of fine-tuning")
    unfreeze: int | None = Field(
        None, ge=1, le=1000, description="How many last blocks of the backbone learn; empty: all"
    )
    lr_backbone: Annotated[float | None, Traits(search="1e-5..3e-3 log")] = Field(
        None,
        gt=0,
        le=1,
        description="Highest learning rate of the backbone; empty: half of lr_heads, a twentieth "
        "of it for transformers, all of it for random weights",
    )
    lr_heads: Annotated[float, Traits(search="1e-4..1e-2 log")] = Field(
        2e-3, gt=0, le=1, description="Highest learning rate of the heads"
    )
    weight_decay: Annotated[float, Traits(search="1e-6..1e-2 log")] = Field(
        0.02, ge=0, le=1, description="AdamW's weight decay; never on norms and biases"
    )
    layer_decay: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Each block of the backbone learns at this times the rate of the block above "
        "it; 1: all alike, 0.9 is usual for a network of some 17 blocks",
    )


class ScheduleConfig(OptionSchema):
    """How learning rates move within a stage."""

    kind: Annotated[
        Literal["cosine", "one_cycle", "plateau"], Traits(search="cosine,one_cycle,plateau")
    ] = Field(
        "cosine",
        description="cosine: falls to 0; one_cycle: rises for 30 % of the steps, then falls; "
        "plateau: shrinks when the monitored figure stops improving",
    )
    warmup_epochs: float = Field(
        1.0, ge=0, le=20, description="Epochs of linear rise before cosine and plateau"
    )
    plateau_factor: float = Field(
        0.3, gt=0, lt=1, description="What plateau multiplies the learning rate with"
    )
    plateau_patience: int = Field(
        3, ge=0, le=100, description="Epochs without improvement before plateau shrinks"
    )


class TrainConfig(OptionSchema):
    """Everything that decides a training run."""

    dataset: Annotated[Path, Traits(affects_result=False, not_searchable=_OTHER_PHOTOS)] = Field(
        description="Dataset folder: labels and photos"
    )
    run: Annotated[Path, Traits(affects_result=False, not_searchable=_SET_BY_STUDY)] = Field(
        description="Run folder to write, for instance runs/first"
    )
    seed: Annotated[
        int, Traits(not_searchable="the best of many seeds is luck, not a better choice")
    ] = Field(0, ge=0, description="Seed of weights, order, augmentation and dropout")
    zero_training: bool = Field(
        False,
        description="Train nothing: the training photos that look most alike to the untouched "
        "backbone answer, a first answer in a minute",
    )
    split: Annotated[SplitConfig, Traits(not_searchable=_OTHER_PHOTOS)] = SplitConfig()
    model: ModelConfig = ModelConfig()
    augment: AugmentConfig = AugmentConfig()
    loss: LossConfig = LossConfig()
    stage1: Stage1Config = Stage1Config()
    stage2: Stage2Config = Stage2Config()
    schedule: ScheduleConfig = ScheduleConfig()
    refine: Annotated[
        RefineConfig | None,
        Traits(not_searchable="every run chooses it on validation itself, after training"),
    ] = Field(None, description="Refinement by training photos; empty: chosen on validation")
    tta: TtaConfig = TtaConfig()
    gallery_dimensions: int | None = Field(
        None,
        ge=2,
        le=4096,
        description="Compress the gallery's features to this many dimensions; empty: 256, or "
        "without training what validation chooses",
    )
    gallery_whiten: float | None = Field(
        None,
        ge=0,
        le=1,
        description="How far the gallery's compressed features are whitened: 0 not, 1 fully; "
        "empty: 0.5 where gallery_dimensions is empty too, else not",
    )
    gallery_points: int = Field(
        128,
        ge=0,
        le=1000,
        description="Points of each training photo that the gallery keeps, to verify that a photo "
        "shows the same things in the same arrangement; 18 bytes a point; 0: none",
    )
    batch_size: int = Field(
        32,
        ge=1,
        le=8192,
        description="Most photos per step, of all processes together; 16 to 64 is usual",
    )
    least_steps: int = Field(
        24,
        ge=0,
        le=10_000,
        description="Fewest steps of an epoch: few training photos make smaller steps than "
        "batch_size, of 8 photos at the least; 0: batch_size always",
    )
    p_known: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Probability that a training photo's true region, and independently its true "
        "heading, is fed to the other heads in place of the model's own estimate",
    )
    mixup_alpha: float = Field(
        0.0,
        ge=0,
        le=10,
        description="Mix each training photo with another of its step, by a share drawn from "
        "Beta(alpha, alpha): regions and places are taught by their shares, position and heading "
        "as those of the photo seen best; 0: off, 0.2 is usual",
    )
    patience: int = Field(
        10, ge=0, le=100, description="Epochs without improvement that end a stage; 0: never"
    )
    monitor: Annotated[Monitor, Traits(not_searchable=_SET_BY_STUDY)] = Field(
        "score",
        description="Validation figure that chooses the best epoch. score: mean of median error "
        "over the campus's usual distance from its middle, MAAE over 90 degrees, and 1 - accuracy",
    )
    clip_norm: float | None = Field(
        5.0, gt=0, description="Longest gradient of a step; empty: unlimited"
    )
    ema_decay: float = Field(
        0.99,
        ge=0,
        lt=1,
        description="Decay of the weights' running average that is validated and saved; 0: off",
    )
    farthest_spreads: float = Field(
        10.0,
        gt=0,
        description="Training photos further than this many robust spreads from the median are "
        "taught region and heading but no position: such labels are typing errors",
    )
    device: Annotated[Literal["auto", "cpu", "cuda", "mps"], _SAME_RESULT] = Field(
        "auto", description="Where to compute"
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto", description="Arithmetic of the forward pass; auto: the fastest known to be safe"
    )
    channels_last: bool = Field(True, description="Memory format that convolutions run faster in")
    threads: Annotated[int | None, _SAME_RESULT] = Field(
        None, ge=1, le=512, description="CPU threads of torch; empty: torch's own choice"
    )
    workers: Annotated[int, _SAME_RESULT] = Field(
        1, ge=0, le=1, description="1: prepare the next batch while this one is learnt; 0: do not"
    )
    store_size: int | None = Field(
        None,
        ge=32,
        le=2048,
        description="Side of the decoded photos kept on disk, from which the input is resized and "
        "in which gallery_points are found (they see more in 224 than in less); empty: the input "
        "size",
    )
    allow_missing: Annotated[bool, Traits(not_searchable=_OTHER_PHOTOS)] = Field(
        False, description="Go on when more than 1 % of the rows have to be left out"
    )
    checkpoint_dtype: Annotated[Literal["float32", "float16"], Traits(not_searchable=NO_EFFECT)] = (
        Field("float32", description="float16 halves the checkpoint, for shipping")
    )
    wandb: Annotated[bool, _SAME_RESULT] = Field(
        False, description="Also report to Weights & Biases (pip install wandb)"
    )
    command: Annotated[str, Traits(affects_result=False, not_searchable=_SET_BY_STUDY)] = Field(
        "", description="Command that began the run; filled in by the command line"
    )

    @model_validator(mode="after")
    def _something_to_do(self) -> Self:
        if self.zero_training:
            if self.model.weights == "random":
                raise ValueError(
                    "zero_training needs a backbone that has learnt something, and model.weights "
                    "is random: choose pretrained or a file of weights"
                )
        elif self.planned_epochs == 0:
            raise ValueError("stage1.epochs and stage2.epochs are both 0: nothing would be trained")
        return self

    def photos_per_step(self, photos: int) -> int:
        """Most photos of a step where `photos` train, by batch_size and least_steps."""
        if self.least_steps == 0:
            return self.batch_size
        least = min(SMALLEST_BATCH, self.batch_size)
        return max(least, min(self.batch_size, photos // self.least_steps))

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
        """Epochs of stage 2."""
        return 0 if self.zero_training else self.stage2.epochs

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
    """Options of a run that is stored somewhere, completed by what they meant when written."""
    found = BEFORE | dict(content)
    return found | {"model": as_made(found.get("model", {}))}
