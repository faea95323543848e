"""The network: one backbone, four heads, and the fusion of region and heading into them.

The position heads receive `cat(features, region embedding, cos heading, sin heading)`, the heading
head `cat(features, region embedding)`, the region head the features alone: no head ever receives
the very quantity it predicts.

Nobody knows the true region or heading of a new photo, so each sample is fed the model's own
estimates unless the truth is given as known metadata. Training mixes both (see
`core.training.stages`), so that neither is foreign to the heads.

Position and heading may instead be read off the place head's distribution over views
(`core.model.places`), which needs no training with known metadata: they are conditions.

A network for photos that nobody labelled with a position, a heading or a region has no head, and no
input, of that label.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own spelling
from torch import Tensor, nn

from core.labels import LABELS, Label
from core.model.backbone import create_backbone, initialise_backbone
from core.model.descriptor import Stage, describe_images, middle_stage, part_texts, part_widths
from core.model.places import Modes, PlaceAnswer, PlaceAnswers, PlaceHead
from core.model.schema import ModelConfig

UNKNOWN_REGION = -1


@dataclass(frozen=True)
class Outputs:
    """Outputs of the network for `n` photos.

    Attributes:
        region_logits: `(n, regions)`; None if regions are not predicted.
        position: `(n, 2)` normalised `(north, east)`; the card's normaliser gives metres. None if
            positions are not predicted.
        heading: `(n, 2)` `(cos, sin)` of any length; the longer, the more confident. None if
            headings are not predicted.
        features: `(n, width)` pooled features of the backbone.
        place_logits: `(n, anchors, bearings)` if the network has a place head.
        places: `(n, anchors)` shares of the anchors, given the known metadata, if anything is read
            off the place head.
        place_offset: `(n, anchors, 2)` normalised offsets, if the position is read off the anchors.
        bearings: `(n, bearings)` shares of the bearings, if the heading is read off them.
        modes: The chosen modes, if anything is read off the place head.
    """

    region_logits: Tensor | None
    position: Tensor | None
    heading: Tensor | None
    features: Tensor
    place_logits: Tensor | None = None
    places: Tensor | None = None
    place_offset: Tensor | None = None
    bearings: Tensor | None = None
    modes: Modes | None = None


class BearingsModel(nn.Module):
    """Backbone, region embedding and heads. Made with random weights; see `build_model`.

    Attributes:
        preprocess: How photos become images of the right size and scale.
        width: Width of the pooled features.
        stage: The middle stage that is part of the descriptor, or None.
        config: What was built: without what the labels need not.
        labels: What is predicted.
        place_head: The place head, or None.
        place_answers: Reads predictions off the place head, or None.
    """

    # Only if regions are predicted.
    region_embedding: nn.Embedding
    region_head: nn.Sequential
    # Only if the values are regressed.
    latitude_head: nn.Sequential
    longitude_head: nn.Sequential
    heading_head: nn.Sequential

    def __init__(
        self, config: ModelConfig, region_count: int, labels: Collection[Label] = LABELS
    ) -> None:
        """Make the layers for `region_count` regions; nothing is read or downloaded here.

        Args:
            config: The options; those of labels that are not predicted have no effect.
            region_count: Number of regions.
            labels: What to predict.
        """
        super().__init__()
        self.config = config = config.for_labels(labels)
        self.labels = tuple(label for label in LABELS if label in labels)
        self.region_count = region_count = region_count if "region" in labels else 0
        self.backbone, self.preprocess, self.width = create_backbone(config)
        self.stage: Stage | None = None
        self.use_descriptor(config.descriptor)
        self.place_head: PlaceHead | None = None
        if config.place_anchors:
            self.place_head = PlaceHead(self.width, config.place_anchors, config.place_bearings)
        fused = self.width
        if "region" in labels:
            self.region_embedding = nn.Embedding(region_count, config.region_embedding)
            self.region_head = nn.Sequential(
                nn.Dropout(config.region_dropout),
                nn.Linear(self.width, config.region_hidden),
                nn.ReLU(),
                nn.Dropout(config.region_dropout),
                nn.Linear(config.region_hidden, region_count),
            )
            fused += config.region_embedding
        if "position" in labels and config.position_head == "regression":
            inputs = fused + 2 if "heading" in labels else fused
            position = (inputs, config.position_hidden, config.position_dropout)
            self.latitude_head = _regression_head(*position, outputs=1)
            self.longitude_head = _regression_head(*position, outputs=1)
        if "heading" in labels and config.heading_head == "vector":
            self.heading_head = _regression_head(
                fused, config.heading_hidden, config.heading_dropout, outputs=2
            )
        self.place_answers: PlaceAnswers | None = None
        if config.reads_places:
            self.place_answers = PlaceAnswers(
                self.width,
                config.place_anchors,
                region_count,
                config.position_hidden if config.position_head == "anchors" else None,
                config.position_dropout,
            )

    @property
    def input_size(self) -> int:
        """Side of the square input in pixels."""
        return self.preprocess.input_size

    @property
    def mean(self) -> tuple[float, float, float]:
        """Mean of each channel that the input is normalised with."""
        return self.preprocess.mean

    @property
    def std(self) -> tuple[float, float, float]:
        """Standard deviation of each channel that the input is normalised with."""
        return self.preprocess.std

    def forward(
        self,
        images: Tensor,
        known_region: Tensor | None = None,
        known_heading: Tensor | None = None,
        modes: Modes | None = None,
    ) -> Outputs:
        """Run backbone and heads.

        Args:
            images: `(n, 3, s, s)`, normalised with `mean` and `std`.
            known_region: `(n,)` integer; -1 if unknown. Absent: all unknown.
            known_heading: `(n, 2)` unit vectors `(cos, sin)`; NaN if unknown. Absent: all
                unknown.
            modes: If several places or headings are possible, use these, so that the output is a
                smooth function of the images. Absent: the strongest.
        """
        return self.heads(self.features(images), known_region, known_heading, modes)

    def features(self, images: Tensor) -> Tensor:
        """Pooled features `(n, width)` of images `(n, 3, s, s)`."""
        features: Tensor = self.backbone(images)
        return features

    def use_descriptor(self, descriptor: Literal["last", "middle"]) -> None:
        """Change what `describe` returns; no weight depends on it."""
        self.config = self.config.model_copy(update={"descriptor": descriptor})
        middle = descriptor == "middle"
        self.stage = middle_stage(self.backbone, self.preprocess.input_size) if middle else None

    @property
    def descriptor_widths(self) -> tuple[int, ...]:
        """Widths of the parts of the descriptor: the pooled last layer, then the middle stage."""
        return part_widths(self.width, self.stage)

    @property
    def descriptor_parts(self) -> tuple[str, ...]:
        """What the parts of the descriptor are, in words."""
        return part_texts(self.stage)

    def describe(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Pooled features `(n, width)` of images, and their descriptors `(n, d)`, in one pass.

        The descriptor starts with the features; its parts are `descriptor_widths` wide, of any
        length each.
        """
        return describe_images(self.backbone, images, self.stage)

    def heads(
        self,
        features: Tensor,
        known_region: Tensor | None = None,
        known_heading: Tensor | None = None,
        modes: Modes | None = None,
    ) -> Outputs:
        """Run the heads on pooled features `(n, width)`; arguments as in `forward`.

        What is known of a label that the network does not predict is not used.
        """
        known_region = known_region if "region" in self.labels else None
        known_heading = known_heading if "heading" in self.labels else None
        region_logits, fused = self._region(features, known_region)
        place_logits = None if self.place_head is None else self.place_head(features)
        read = self._read_places(features, place_logits, known_region, known_heading, modes)
        heading = position = None
        if read is not None and self.config.heading_head == "bearings":
            heading = read.heading  # (n, 2)
        elif "heading" in self.labels:
            heading = self.heading_head(fused)
        if read is not None and self.config.position_head == "anchors":
            position = read.position  # (n, 2)
        elif "position" in self.labels:
            position = self._regressed(fused, heading, known_heading)
        if read is None:
            return Outputs(region_logits, position, heading, features, place_logits)
        return Outputs(
            None if region_logits is None else self._with_places(region_logits, read.region),
            position,
            heading,
            features,
            place_logits,
            read.places,
            read.offset,
            read.bearings if self.config.heading_head == "bearings" else None,
            read.modes,
        )

    def _read_places(
        self,
        features: Tensor,
        logits: Tensor | None,
        known_region: Tensor | None,
        known_heading: Tensor | None,
        modes: Modes | None,
    ) -> PlaceAnswer | None:
        """Return what is read off the place head, or None."""
        if self.place_head is None or self.place_answers is None or logits is None:
            return None
        answer: PlaceAnswer = self.place_answers(
            self.place_head, features, logits, known_region, known_heading, modes
        )
        return answer

    def _region(self, features: Tensor, known: Tensor | None) -> tuple[Tensor | None, Tensor]:
        """Region logits `(n, regions)`, and the features with the region's vector behind them."""
        if "region" not in self.labels:
            return None, features
        logits = self.region_head(features)
        region = self._region_vector(logits, known)  # (n, region_embedding)
        return logits, torch.cat([features, region], dim=1)

    def _regressed(
        self, fused: Tensor, heading: Tensor | None, known_heading: Tensor | None
    ) -> Tensor:
        """Positions `(n, 2)` by regression."""
        placed = fused
        if heading is not None:
            placed = torch.cat([fused, self._direction(heading, known_heading)], dim=1)
        return torch.cat([self.latitude_head(placed), self.longitude_head(placed)], dim=1)

    def _with_places(self, logits: Tensor, places: Tensor) -> Tensor:
        """Mix the region head's shares with those of the places', both `(n, regions)` logarithms.

        Only in evaluation: in training each head has its own loss.
        """
        share = self.config.region_from_places
        if self.training or share == 0.0:
            return logits
        if share == 1.0:
            return places
        regional = logits.log_softmax(dim=1) + math.log1p(-share)
        return torch.logaddexp(regional, places + math.log(share))

    def _region_vector(self, logits: Tensor, known: Tensor | None) -> Tensor:
        """Return the expected embedding `(n, region_embedding)`, or the known region's."""
        share = self._detached(logits.softmax(dim=1))  # (n, regions)
        if known is not None:
            truth = F.one_hot(known.clamp(min=0), self.region_count).to(share.dtype)
            share = torch.where((known == UNKNOWN_REGION)[:, None], share, truth)
        return share @ self.region_embedding.weight

    def _direction(self, heading: Tensor, known: Tensor | None) -> Tensor:
        """Return the unit vector `(n, 2)` of the estimated heading, or of the known one."""
        estimate = F.normalize(self._detached(heading), dim=1, eps=1e-6)
        if known is None:
            return estimate
        unknown = known.isnan().any(dim=1, keepdim=True)
        return torch.where(unknown, estimate, known.nan_to_num().to(estimate.dtype))

    def _detached(self, estimate: Tensor) -> Tensor:
        """Detach an estimate during training, so one head's loss does not change another's output.

        In evaluation the gradient passes, because an attribution without it would not add up to the
        prediction.
        """
        return estimate.detach() if self.training else estimate


def build_model(
    config: ModelConfig, regions: tuple[str, ...], labels: Collection[Label] = LABELS
) -> BearingsModel:
    """Return the network that predicts `labels`, with the backbone's weights of `config.weights`.

    Raises:
        ConfigError: timm cannot make the backbone as asked.
        CheckpointError: The weights cannot be had or do not fit.
    """
    model = BearingsModel(config, len(regions), labels)
    initialise_backbone(model.backbone, config)
    return model


def _regression_head(inputs: int, hidden: int, dropout: float, *, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, outputs)
    )
