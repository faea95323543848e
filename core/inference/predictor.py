"""The predictor: a loaded checkpoint with its gallery; it predicts photos from pixels or files."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.confidence.apply import apply
from core.confidence.evidence import Evidence
from core.confidence.ood import neighbour_features, network_features, point_features, view_features
from core.confidence.schema import Calibration
from core.dataset.augment import resize_photo
from core.dataset.decode import Pixels, decode_photo
from core.dataset.exif import ASSUMED_HFOV_DEG
from core.errors import CheckpointError
from core.geo import Floats, heading_from_unit
from core.inference.files import FilePredictions, predict_files
from core.inference.known import KnownHeading, KnownMetadata, KnownRegion
from core.inference.network import (
    Describer,
    Network,
    NetworkOutputs,
    describe_whole,
    place_shares,
    run_in_crops,
)
from core.inference.prediction import Prediction, joined
from core.labels import Label, absence_note
from core.model.card import Card
from core.retrieval.gallery import Gallery
from core.retrieval.local_features import LocalFeatures
from core.retrieval.neighbours import Neighbours, Surroundings, row_parts
from core.retrieval.refine import Refined, refine_by, retrieve_by
from core.retrieval.schema import RefineConfig
from core.retrieval.verification import Pairs

if TYPE_CHECKING:
    from core.model.network import BearingsModel

Progress = Callable[[int, int], None]
Compared = Callable[[int], None]

SHOWN_NEIGHBOURS = 8
"""Training photos listed as evidence, even where fewer refine."""
NO_GALLERY = "This checkpoint has no gallery: refined values equal raw ones, without neighbours."
UNREFINED = (
    "A model without positions is not refined; its neighbours are the most similar training photos."
)
NOT_CALIBRATED = (
    "This checkpoint is not calibrated: how far an answer can be believed is unknown, and no photo "
    "is refused (python -m core calibrate)."
)
_NEIGHBOUR_COUNTS = ("k", "heading_k", "region_k")


@dataclass(frozen=True)
class Loaded:
    """The parts of a checkpoint folder.

    Attributes:
        folder: The folder of the checkpoint.
        card: Its card.
        network: The network, computed by torch or as it was exported.
        gallery: Training photos, or None for a checkpoint that never had any.
        retrieval: The frozen backbone that describes photos too, or None.
        calibration: How far its answers can be believed, where that was measured.
        fingerprint: Of the files that answers and calibration depend on; equal fingerprints answer
            alike. Empty for parts that were put together in memory.
    """

    folder: Path
    card: Card
    network: Network
    gallery: Gallery | None
    retrieval: Describer | None = None
    calibration: Calibration | None = None
    fingerprint: str = ""

    @property
    def descriptor_widths(self) -> tuple[int, ...]:
        """Widths of the parts of a descriptor: the network's, then the retrieval backbone's."""
        further = () if self.retrieval is None else self.retrieval.widths
        return self.network.widths + further

    @property
    def descriptor_parts(self) -> tuple[str, ...]:
        """What the parts of a descriptor are, in words."""
        further = () if self.retrieval is None else self.retrieval.parts
        return self.network.parts + further


@dataclass(frozen=True)
class Predictor:
    """A checkpoint ready to answer; threads may share it.

    Attributes:
        loaded: Card, network, gallery and folder.
        device: Where the network computes.
        members: Only for an ensemble: the predictors whose answers it combines.
        lock: Held while the network runs; hold it to hook into the network.
    """

    loaded: Loaded
    device: str
    members: tuple["Predictor", ...] = ()
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    @property
    def folder(self) -> Path:
        """The checkpoint's folder."""
        return self.loaded.folder

    @property
    def card(self) -> Card:
        """The checkpoint's card."""
        return self.loaded.card

    @property
    def network(self) -> Network:
        """The network."""
        return self.loaded.network

    @property
    def model(self) -> "BearingsModel":
        """The network as a module of torch, in evaluation mode."""
        return self.network.model

    @property
    def gallery(self) -> Gallery | None:
        """The training photos; None for a checkpoint that was saved without them."""
        return self.loaded.gallery

    @property
    def regions(self) -> tuple[str, ...]:
        """Region ids in the model's order."""
        return self.card.regions

    @property
    def refinement(self) -> RefineConfig:
        """The refinement that the card names; method `none` if it names none."""
        if self.card.refine is None:
            return RefineConfig(method="none", k=1, heading_k=1)
        return RefineConfig.model_validate(self.card.refine)

    @property
    def fingerprint(self) -> str:
        """A hash of everything that predictions depend on; see `core.confidence.files`."""
        return self.loaded.fingerprint

    @property
    def store_size(self) -> int:
        """Side in pixels that photos are decoded to, as in training."""
        return self.card.preprocess.store_size or self.card.preprocess.input_size

    def decode(self, source: Path | str | bytes, name: str | None = None) -> Pixels:
        """Decode one photo as training did, `(store_size, store_size, 3)`; ImageError by name."""
        return decode_photo(source, size=self.store_size, name=name)[0]

    def view(self, photos: Pixels) -> Pixels:
        """Photos `(n, s, s, 3)` resized for the network: `(n, input_size, input_size, 3)`."""
        side = self.card.preprocess.input_size
        if photos.shape[1] == side:
            return photos
        return np.stack([resize_photo(photo, side) for photo in photos])

    def predict_photos(
        self,
        photos: Pixels,
        names: Sequence[str] | None = None,
        known_region: KnownRegion = None,
        known_heading_deg: KnownHeading = None,
        *,
        photo_ids: Sequence[str] | None = None,
        exclude_ids: Sequence[str | None] | None = None,
        batch_size: int = 64,
        progress: Progress | None = None,
    ) -> Prediction:
        """Predict n decoded photos.

        Known metadata inform the *other* quantities: a known region or heading is fed to the
        position heads, and a known region restricts the retrieved training photos. The region and
        the heading that are returned stay the model's own.

        Args:
            photos: `(n, s, s, 3)` uint8 RGB, upright squares of any size.
            names: File names for the result.
            known_region: One region id for all photos, or one (or None) a photo.
            known_heading_deg: One heading for all photos, or one (or None) a photo.
            photo_ids: Keys for the result; the names by default.
            exclude_ids: Per photo the id of a training photo that its search leaves out, or None.
            batch_size: Photos that the network sees at once.
            progress: Called with `(photos done, photos in all)`.

        Raises:
            CheckpointError: The network computes values that are not finite.
            ConfigError: A known region is none of the model's, or what is known changes nothing
                that the model predicts.
        """
        return self.predict_cases(
            photos,
            (None,),
            names,
            known_region,
            known_heading_deg,
            photo_ids=photo_ids,
            exclude_ids=exclude_ids,
            batch_size=batch_size,
            progress=progress,
        )[0]

    def predict_cases(
        self,
        photos: Pixels,
        cases: Sequence[Surroundings | None],
        names: Sequence[str] | None = None,
        known_region: KnownRegion = None,
        known_heading_deg: KnownHeading = None,
        *,
        photo_ids: Sequence[str] | None = None,
        exclude_ids: Sequence[str | None] | None = None,
        batch_size: int = 64,
        progress: Progress | None = None,
    ) -> tuple[Prediction, ...]:
        """Predict n decoded photos once a case, as if nobody had photographed around them.

        The network and verification of each pair run once; search and refinement are repeated.

        Args:
            photos: As for `predict_photos`, like all that is not listed here.
            cases: Circles about the photos within which no training photo is found; None: all
                training photos are.
            names: File names for the result.
            known_region: Known regions.
            known_heading_deg: Known headings.
            photo_ids: Keys for the result.
            exclude_ids: Training photos that are left out in every case.
            batch_size: Photos that the network sees at once.
            progress: As above; while keypoints are compared, all photos are done.

        Raises:
            ConfigError: As for `predict_photos`.
        """
        n = len(photos)
        filenames = tuple(names) if names is not None else tuple(f"photo {i}" for i in range(n))
        known = KnownMetadata.of(n, self.card.labels, self.regions, known_region, known_heading_deg)
        answers, local = self._run_network(photos, known, batch_size, progress)
        ids = tuple(photo_ids) if photo_ids is not None else filenames
        parts = [
            (
                part,
                partial(
                    self._predict_part,
                    ids[part],
                    filenames[part],
                    answers.rows(part),
                    None if local is None else local.rows(part),
                    {},
                    known.rows(part),
                    None if exclude_ids is None else exclude_ids[part],
                    None if progress is None else lambda _: progress(n, n),
                ),
            )
            for part in self._parts(n)
        ]

        def answer(case: Surroundings | None) -> Prediction:
            return joined([one(None if case is None else case.rows(part)) for part, one in parts])

        return tuple(self.with_confidence(answer(case)) for case in cases)

    def describe(self, photos: Pixels) -> NDArray[np.float32]:
        """Return descriptors `(n, D)` of photos `(n, s, s, 3)`, as the gallery is made of."""
        unknown = KnownMetadata.of(len(photos), self.card.labels, self.regions, None, None)
        return self._run(photos, unknown).descriptor

    def _run(self, photos: Pixels, known: KnownMetadata) -> NetworkOutputs:
        """Outputs of the network, in crops, and of the retrieval backbone, on whole photos."""
        retrieval = self.loaded.retrieval
        with self.lock:
            outputs = run_in_crops(self.card, self.network, photos, known)
            if retrieval is not None:
                further = describe_whole(retrieval, photos)
                outputs = replace(outputs, descriptor=np.hstack([outputs.descriptor, further]))
        if not outputs.are_finite:
            raise CheckpointError(
                f"the network of {self.folder} computes values that are not finite: its weights "
                "are damaged; copy the checkpoint folder again, or train again"
            )
        return outputs

    def predict_files(
        self,
        paths: Sequence[Path],
        progress: Progress | None = None,
        known_region: str | None = None,
        known_heading_deg: float | None = None,
    ) -> FilePredictions:
        """Predict files; see `core.inference.files.predict_files`."""
        return predict_files(self, paths, known_region, known_heading_deg, progress)

    def _parts(self, n: int) -> list[slice]:
        """Which of n photos search the gallery together."""
        searched = 1 if self.gallery is None else len(self.gallery)
        # One empty part for no photos, so that the result has the right shapes.
        return list(row_parts(n, searched)) or [slice(0)]

    def _run_network(
        self, photos: Pixels, known: KnownMetadata, batch_size: int, progress: Progress | None
    ) -> tuple[NetworkOutputs, LocalFeatures | None]:
        gallery = None if self.gallery is None else self.gallery.local
        parts: list[NetworkOutputs] = []
        n = len(photos)
        described = [] if gallery is None else [gallery.described([])]
        for start in range(0, n, batch_size):
            part = slice(start, start + batch_size)
            batch = np.asarray(photos[part])
            parts.append(self._run(batch, known.rows(part)))
            if gallery is not None:
                described.append(gallery.described(batch, progress=_from(progress, start, n)))
            if progress is not None:
                progress(min(start + batch_size, n), n)
        config = self.card.model
        views = config.place_anchors * config.place_bearings
        widths = self.loaded.descriptor_widths
        answers = NetworkOutputs.joined(parts, len(self.regions), widths, views)
        return answers, LocalFeatures.joined(described) if described else None

    def _predict_part(
        self,
        photo_ids: tuple[str, ...],
        filenames: tuple[str, ...],
        answers: NetworkOutputs,
        local: LocalFeatures | None,
        pairs: Pairs,
        known: KnownMetadata,
        exclude_ids: Sequence[str | None] | None,
        compared: Compared | None,
        surroundings: Surroundings | None,
    ) -> Prediction:
        """Search the gallery once, for verification, refinement and evidence alike."""
        neighbours = self._search(answers, local, pairs, exclude_ids, compared, surroundings)
        answers = self._answers(answers, neighbours, surroundings)
        raw_m = self.card.normaliser.to_metres(answers.position)
        raw_deg = heading_from_unit(answers.heading)
        refined = self._refine(raw_m, raw_deg, answers, known, neighbours)
        shares = refined.region_probabilities
        return Prediction(
            photo_ids=photo_ids,
            filenames=filenames,
            regions=self.regions,
            region_names=dict(self.card.region_names),
            areas=self.card.areas,
            local_frame=self.card.local_frame,
            region_probabilities=answers.probabilities if shares is None else shares,
            region_head=answers.probabilities,
            position_m=raw_m,
            position_refined_m=refined.position_m,
            heading_deg=raw_deg,
            heading_refined_deg=refined.heading_deg,
            heading_length=np.hypot(answers.heading[:, 0], answers.heading[:, 1]),
            neighbours=refined.neighbours,
            similarity=refined.similarity,
            weight=refined.weight,
            descriptor=answers.descriptor,
            inliers=refined.inliers,
            evidence=gather_evidence(answers, raw_m, raw_deg, neighbours, self.card.labels),
            notes=self._notes(),
            labels=self.card.labels,
        )

    def _search(
        self,
        answers: NetworkOutputs,
        local: LocalFeatures | None,
        pairs: Pairs,
        exclude_ids: Sequence[str | None] | None,
        compared: Compared | None,
        surroundings: Surroundings | None,
    ) -> Neighbours | None:
        if self.gallery is None:
            return None
        neighbours = Neighbours.search(answers.descriptor, self.gallery, exclude_ids, surroundings)
        if local is None:
            return neighbours
        hfov_deg = self.refinement.turn_hfov_deg or ASSUMED_HFOV_DEG
        return neighbours.verify_points(local, hfov_deg, pairs, compared)

    def _answers(
        self,
        answers: NetworkOutputs,
        neighbours: Neighbours | None,
        surroundings: Surroundings | None,
    ) -> NetworkOutputs:
        """Replace the outputs of untrained heads by the neighbours' labels; features stay.

        Known metadata do not change them; the refinement that follows uses a known region. With
        surroundings the outputs are those of heads that were not trained there: of a place head
        without its anchors there, and, as other heads cannot forget, the neighbours' labels.
        """
        if neighbours is None:
            return answers
        if self.card.trained and surroundings is None:
            return answers
        # Only calibration asks with surroundings; imports torch.
        from core.inference.unvisited import reads_places, without_places

        if self.card.trained and surroundings is not None and reads_places(self.card):
            return without_places(self.card, self.model, answers, surroundings)
        retrieved = retrieve_by(neighbours, len(self.regions))
        position = self.card.normaliser.normalise(retrieved.position_m).astype(np.float64)
        return replace(
            answers,
            probabilities=retrieved.probabilities,
            position=position,
            heading=retrieved.heading,
        )

    def with_confidence(self, prediction: Prediction) -> Prediction:
        """Return a prediction with its confidence, if this model is calibrated."""
        calibration = self.loaded.calibration
        if calibration is None:
            return prediction
        return replace(prediction, confidence=apply(calibration, prediction))

    def _notes(self) -> tuple[str, ...]:
        notes = () if self.loaded.calibration is not None else (NOT_CALIBRATED,)
        notes = (*absence_note(self.card.labels), *notes)
        if self.gallery is None:
            return (NO_GALLERY, *notes)
        if "position" not in self.card.labels:
            notes = (*notes, UNREFINED)
        return notes if self.card.trained else (*self.card.notes, *notes)

    def _refine(
        self,
        raw_m: Floats,
        raw_deg: Floats,
        answers: NetworkOutputs,
        known: KnownMetadata,
        neighbours: Neighbours | None,
    ) -> Refined:
        if neighbours is None:
            return Refined.unrefined(raw_m, raw_deg)
        config = self.refinement
        # One training photo may be left out; the count is the same for photos that leave none out,
        # so that no photo's answer depends on the others of the call.
        most = max(1, len(neighbours.gallery) - 1)
        config = config.model_copy(
            update={name: min(getattr(config, name), most) for name in _NEIGHBOUR_COUNTS}
        )
        places = None
        if config.place_weight:
            places = place_shares(self.network, self.card, answers.views, neighbours.gallery)
        return refine_by(
            neighbours,
            raw_m,
            raw_deg,
            config,
            region_probabilities=answers.probabilities,
            shown=min(SHOWN_NEIGHBOURS, most),
            known_region=known.region,
            places=places,
        )


def gather_evidence(
    answers: NetworkOutputs,
    raw_m: Floats,
    raw_deg: Floats,
    neighbours: Neighbours | None,
    labels: tuple[Label, ...],
) -> Evidence:
    """Return the most similar training photos of each photo, and its out-of-distribution features.

    Args:
        answers: The network's outputs for n photos.
        raw_m: `(n, 2)` its positions in metres.
        raw_deg: `(n,)` its headings.
        neighbours: The search of the gallery for these photos; None without a gallery.
        labels: What the network predicts.
    """
    evidence = _nearest(answers, neighbours)
    length = np.hypot(answers.heading[:, 0], answers.heading[:, 1])
    signals = network_features(answers.probabilities, length, answers.features, labels)
    if answers.views.shape[1]:
        signals |= view_features(answers.views)
    signals |= neighbour_features(evidence, answers.probabilities, raw_m, raw_deg, labels)
    if neighbours is not None and neighbours.verified is not None:
        signals |= point_features(neighbours.verified.inliers)
    return replace(evidence, signals=np.stack(list(signals.values()), axis=1), names=tuple(signals))


def _from(progress: Progress | None, start: int, total: int) -> Compared | None:
    """Progress of photos from one on, by how many of them are done."""
    return None if progress is None else lambda done: progress(start + done, total)


def _nearest(answers: NetworkOutputs, neighbours: Neighbours | None) -> Evidence:
    n = len(answers.features)
    if neighbours is None:
        return Evidence(
            np.empty((n, 0, 2)), np.empty((n, 0)), np.empty((n, 0), np.int64), np.empty((n, 0)),
            np.empty(0, np.int64), np.empty(0), answers.appearance, np.empty((n, 0)), (),
        )  # fmt: skip
    gallery, rows = neighbours.gallery, neighbours.rows
    return Evidence(
        gallery.position_m[rows], gallery.heading_deg[rows], gallery.region[rows],
        neighbours.nearest, np.zeros(rows.shape[1], np.int64), np.ones(1), answers.appearance,
        np.empty((n, 0)), (),
    )  # fmt: skip
