"""The stage that trains a descriptor: the untouched backbone, fine-tuned on the gallery's photos.

No head is trained. Steps compare augmented photos with a bank of the descriptors of all gallery
photos, renewed at the start of each epoch of `EPOCH_STEPS` steps, in the space that the untouched
network's descriptors were whitened to. Photos of other parts are in neither.
"""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own spelling
from numpy.typing import NDArray
from torch import Tensor, nn

from core.errors import ConfigError
from core.geo import Floats, heading_from_unit
from core.model.descriptor_loss import (
    DISTILLATION,
    WITHIN_DEG,
    WITHIN_M,
    contrast,
    drift,
    near_views,
)
from core.model.network import BearingsModel
from core.retrieval.projection import DescriptorSpace, space_options
from core.retrieval.refine import retrieve
from core.training.data import Rows, TrainingData, epoch_order, steps_per_epoch
from core.training.device import Compute
from core.training.finish import make_gallery
from core.training.run_folder import Validation
from core.training.samples import Answers, validation_of
from core.training.schema import DESCRIPTOR_EPOCH_STEPS
from core.training.session import Session
from core.training.stages import PhotoSteps, StepInput, Watch, plain_features

Features = NDArray[np.float32]


class Whitening(nn.Module):
    """`DescriptorSpace.apply` with a gradient."""

    def __init__(self, space: DescriptorSpace) -> None:
        """Copy the projections of a space."""
        super().__init__()
        self._widths = space.widths
        for index, projection in enumerate(space.projections):
            if projection is not None:
                self.register_buffer(f"mean_{index}", torch.from_numpy(projection.mean))
                self.register_buffer(f"matrix_{index}", torch.from_numpy(projection.matrix))

    def forward(self, raw: Tensor) -> Tensor:
        """Descriptors `(n, d)` of length 1 of raw ones `(n, sum(widths))`."""
        parts = []
        for index, part in enumerate(torch.split(raw, list(self._widths), dim=1)):
            unit = F.normalize(part, dim=1)
            if hasattr(self, f"mean_{index}"):
                centred = unit - self.get_buffer(f"mean_{index}")
                unit = F.normalize(centred @ self.get_buffer(f"matrix_{index}"), dim=1)
            parts.append(unit)
        return F.normalize(torch.cat(parts, dim=1), dim=1)


class DescriptorLosses(nn.Module):
    """The network and the loss of its descriptor: the whole forward pass of a step.

    The weights of a process's photos are those of `StepLosses`, so that several processes have the
    gradient of the mean over the whole step.

    Attributes:
        model: The network that is trained.
        rows: `(n,)` row numbers of the gallery's photos.
        bank: `(n, d)` their descriptors, of `renew`.
    """

    bank: Tensor
    _untouched: Tensor

    def __init__(
        self, model: BearingsModel, compute: Compute, data: TrainingData, untouched: Features,
        space: DescriptorSpace,
    ) -> None:  # fmt: skip
        """Take the network, the gallery's photos, and their untouched raw descriptors `(n, w)`."""
        super().__init__()
        self.model = model
        self._compute, self._data = compute, data
        self.rows = data.gallery_rows
        self._index = np.full(len(data.dataset), -1)
        self._index[self.rows] = np.arange(len(self.rows))
        self.whitening = Whitening(space).to(compute.device)
        kept = self.whitening(torch.from_numpy(untouched).to(compute.device))
        self.register_buffer("_untouched", kept)
        self.register_buffer("bank", kept.clone())
        own = self._weight(self.rows, data.heading_deg[self.rows])
        self._has_near = np.zeros(len(data.dataset), bool)
        self._has_near[self.rows] = ((own > 0).sum(dim=1) > 1).cpu().numpy()
        if not self._has_near.any():
            raise ConfigError(
                f"descriptor_steps has nothing to learn: no two training photos are within "
                f"{WITHIN_M:g} m and {WITHIN_DEG:g} degrees of each other; leave it out"
            )

    def forward(self, inputs: StepInput) -> Tensor:
        """Losses `(5,)` of this process's photos: the total, and nothing of each task."""
        batch, count = inputs.batch, self._compute.processes.count
        raw = self._compute.descriptors(self.model, batch.photos, batch.changes)
        descriptor = self.whitening(raw)
        own = torch.from_numpy(self._index[batch.rows]).to(raw.device)
        apart, near = contrast(
            descriptor, self.bank, self._weight(batch.rows, batch.heading_deg), own
        )
        pairs = max(1, int(self._has_near[inputs.step_rows].sum()))
        pull = torch.where(near, apart, 0.0).sum() * (count / pairs)
        kept = drift(descriptor, self._untouched[own]).sum() * (count / len(inputs.step_rows))
        total = pull + DISTILLATION * kept
        return F.pad(total[None], (0, 4))

    @torch.no_grad()
    def renew(self, batch_size: int, watch: Watch | None = None) -> None:
        """Describe the gallery's photos by the network as it is now."""
        raw = plain_features(
            self.model, self._compute, self._data, self.rows, batch_size, watch, descriptors=True
        )
        self.bank.copy_(self.whitening(torch.from_numpy(raw).to(self.bank.device)))

    @torch.no_grad()
    def of_others(self, raw: Features, gallery: Features, rows: Rows, untouched: Features) -> float:
        """Return the mean loss of photos outside the gallery.

        Args:
            raw: `(m, w)` their descriptors.
            gallery: `(n, w)` those of the gallery, by the same network.
            rows: `(m,)` row numbers.
            untouched: `(m, w)` descriptors of the untouched network.
        """
        described, bank, before = (
            self.whitening(torch.from_numpy(each).to(self.bank.device))
            for each in (raw, gallery, untouched)
        )
        own = torch.full((len(rows),), -1, device=self.bank.device)
        weight = self._weight(rows, self._data.heading_deg[rows])
        apart, near = contrast(described, bank, weight, own)
        pull = apart[near].mean() if bool(near.any()) else apart.new_zeros(())
        return float(pull + DISTILLATION * drift(described, before).mean())

    def _weight(self, rows: Rows, heading_deg: Floats) -> Tensor:
        data, device = self._data, self._compute.device

        def there(values: Floats) -> Tensor:
            return torch.from_numpy(values.astype(np.float32)).to(device)

        at = (there(data.position_m[rows]), there(heading_deg))
        return near_views(
            *at, there(data.position_m[self.rows]), there(data.heading_deg[self.rows])
        )


@dataclass(frozen=True)
class DescriptorSteps:
    """Steps on freshly augmented photos of the gallery, pass after pass over them."""

    photos: PhotoSteps
    rows: Rows

    def of_epoch(self, epoch: int, first_step: int) -> Generator[StepInput]:
        """Yield the steps of an epoch from `first_step` on."""
        start = epoch * DESCRIPTOR_EPOCH_STEPS
        wholes = [self._photos(start + step) for step in range(first_step, DESCRIPTOR_EPOCH_STEPS)]
        tasks = [(each, self.photos.processes.share(rows)) for each, rows in wholes]
        with closing(self.photos.batches(tasks)) as batches:
            for batch, (_, rows) in zip(batches, wholes, strict=True):
                yield StepInput(batch, None, np.empty((len(batch.rows), 2), np.float32), rows)

    def _photos(self, step: int) -> tuple[int, Rows]:
        """The pass over all photos that a step of the stage is part of, and its photos."""
        config, photos = self.photos.config, len(self.rows)
        size = config.photos_per_step(photos)
        number, part = divmod(step, steps_per_epoch(photos, size))
        return number, epoch_order(self.rows, size, config.seed, number)[part]


class DescriptorLesson:
    """What the stage needs beside its steps: the loss, and validation by retrieval.

    Made before a saved state is loaded, as the untouched network says what to stay near.
    """

    def __init__(self, session: Session) -> None:
        """Describe the photos by the untouched network."""
        self._session = session
        config, data = session.config, session.data
        session.log("describing the photos by the untouched backbone")
        self._val = data.rows["val"]
        self._rows = np.concatenate([data.gallery_rows, self._val])
        untouched = self.described(session.model, session.watch)
        gallery, self._untouched = self._split(untouched)
        space = DescriptorSpace.fit(
            gallery,
            session.model.descriptor_widths,
            *space_options(config.gallery_dimensions, config.gallery_whiten),
        )
        self.losses = DescriptorLosses(session.model, session.compute, data, gallery, space)
        self.source = DescriptorSteps(session.photos, data.gallery_rows)
        if session.processes.is_main:
            before, _ = self.validate(untouched)
            session.log(f"untouched backbone: loss {before.loss:.4f}, {before.in_words()}")

    def described(self, model: BearingsModel, watch: Watch) -> Features:
        """Raw descriptors `(n + m, w)` of the gallery's and the validation photos."""
        session = self._session
        return plain_features(
            model,
            session.compute,
            session.data,
            self._rows,
            session.config.batch_photos,
            watch,
            descriptors=True,
        )

    def validate(self, raw: Features) -> tuple[Validation, Answers]:
        """Answer for the validation photos by the gallery; return the figures and the answers."""
        config, data = self._session.config, self._session.data
        gallery, val = self._split(raw)
        loss = self.losses.of_others(val, gallery, self._val, self._untouched)
        widths = self._session.model.descriptor_widths
        photos = make_gallery(data, data.gallery_rows, gallery, widths, config)
        found = retrieve(val, photos, len(data.regions))
        regions = found.probabilities
        answers = (
            found.position_m,
            heading_from_unit(found.heading),
            regions.argmax(axis=1) if regions.shape[1] else None,
        )
        return validation_of(loss, answers, data), answers

    def _split(self, raw: Features) -> tuple[Features, Features]:
        photos = len(self._rows) - len(self._val)
        return raw[:photos], raw[photos:]
