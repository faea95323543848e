"""An ensemble: several networks of the same campus and split, answering as one.

Answers are averaged where members agree; where they do not, one member's answer is taken. Members
run one after the other, each over all photos of a call: an ensemble of m takes m times the time of
one member, the memory of all their weights, and the working memory of one.

Shapes: `m` members answer for `n` photos; `weights` `(m,)` are positive and add up to 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.confidence.evidence import Evidence
from core.dataset.augment import resize_photo
from core.dataset.decode import Pixels
from core.geo import Floats, circular_mean_deg, distance_m, heading_error_deg, heading_unit
from core.inference.known import KnownHeading, KnownRegion
from core.inference.prediction import Prediction
from core.inference.predictor import NO_GALLERY, NOT_CALIBRATED, Predictor, Progress
from core.labels import absence_note
from core.model.card import EnsembleCard
from core.retrieval.neighbours import Surroundings

CANCELLED = 0.1
"""Mean resultant length below which headings cancel: two equal members 169 degrees apart."""


def combine_shares(shares: Floats, weights: Floats) -> Floats:
    """Weighted mean of probabilities `(m, n, R)`: `(n, R)`, rows adding up to 1 as before."""
    return np.asarray(np.einsum("m,mnr->nr", weights, shares))


def combine_positions(position_m: Floats, weights: Floats, agree_m: float) -> tuple[Floats, Floats]:
    """Weighted mean of positions where members agree, else the weighted medoid's.

    The mean of two far-apart places is a third place that no member saw. The medoid is the
    member's position with the least weighted sum of distances to all members'; of equal ones the
    earlier member's.

    Args:
        position_m: `(m, n, 2)` `[north_m, east_m]`.
        weights: `(m,)`.
        agree_m: Members agree where each of them is within so many metres of the weighted mean.

    Returns:
        Positions `(n, 2)`, and `(n,)` the distance of the farthest member from the weighted mean.
    """
    mean = np.einsum("m,mnc->nc", weights, position_m)
    spread = distance_m(position_m, mean).max(axis=0)
    apart = distance_m(position_m[:, None], position_m[None])  # (m, m, n)
    cost = np.einsum("k,mkn->mn", weights, apart)
    # Rounding must not choose between equals.
    medoid = np.argmax(cost <= cost.min(axis=0) + 1e-9, axis=0)
    chosen = position_m[medoid, np.arange(position_m.shape[1])]
    return np.where((spread <= agree_m)[:, None], mean, chosen), spread


def combine_headings(heading_deg: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Weighted circular mean of headings; the heaviest member's where they cancel.

    Args:
        heading_deg: `(m, n)` in `[0, 360)`.
        weights: `(m,)`.

    Returns:
        Headings `(n,)`, and `(n,)` the angle of the farthest member from them, in `[0, 180]`.
    """
    mean, length = circular_mean_deg(heading_deg.T, np.broadcast_to(weights, heading_deg.T.shape))
    heaviest = heading_deg[int(np.argmax(weights))]
    heading = np.where(length < CANCELLED, heaviest, mean)
    return heading, heading_error_deg(heading_deg, heading).max(axis=0)


def combine_lengths(heading_deg: Floats, length: Floats, weights: Floats) -> Floats:
    """Length `(n,)` of the weighted mean of vectors given by headings and lengths `(m, n)`.

    Short where members are unsure, and where they contradict each other.
    """
    mean = np.einsum("m,mnc->nc", weights, heading_unit(heading_deg) * length[..., None])
    return np.asarray(np.hypot(mean[:, 0], mean[:, 1]))


@dataclass(frozen=True)
class Ensemble(Predictor):
    """Members with weights, used like a single checkpoint.

    `model`, `gallery`, `descriptor` and the evidence are the lead's: the heaviest member that has a
    gallery. Similarities of different networks are no common measure, so evidence is not mixed.
    `members` are in the card's order, by falling weight; those of weight 0 are not run.
    """

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
        """Run every member and combine the predictions; see `Predictor.predict_cases`."""
        shares = [member.weight for member in self.about.members]
        weighted = [
            (member, share) for member, share in zip(self.members, shares, strict=True) if share > 0
        ]
        answers = [
            member.predict_cases(
                self._as_decoded_for(member, photos),
                cases,
                names,
                known_region,
                known_heading_deg,
                photo_ids=photo_ids,
                exclude_ids=exclude_ids,
                batch_size=batch_size,
                progress=_turn(progress, turn, len(weighted)),
            )
            for turn, (member, _) in enumerate(weighted)
        ]
        weights = np.array([share for _, share in weighted])
        # The lead has a weight, and members of none stand last: its place is the same here.
        return tuple(
            self.with_confidence(
                combine(one_case, weights, self.about.agree_m, self.lead, self._notes())
            )
            for one_case in zip(*answers, strict=True)
        )

    @property
    def about(self) -> EnsembleCard:
        """Members and weights, from the card."""
        if self.card.ensemble is None:
            raise ValueError(f"{self.folder} is no ensemble")
        return self.card.ensemble

    @property
    def lead(self) -> int:
        """Index of the member whose gallery, descriptors and evidence the ensemble uses."""
        return [member.name for member in self.about.members].index(self.about.lead)

    def _as_decoded_for(self, member: Predictor, photos: Pixels) -> Pixels:
        """Photos as a member saw them in training, where it kept them smaller than others do."""
        side = member.store_size
        if photos.shape[1] != self.store_size or side == self.store_size:
            return photos
        return np.array([resize_photo(photo, side) for photo in photos]).reshape(-1, side, side, 3)

    def _notes(self) -> tuple[str, ...]:
        missing = absence_note(self.card.labels)
        missing += () if self.loaded.calibration is not None else (NOT_CALIBRATED,)
        if self.gallery is None:
            return (NO_GALLERY, *missing)
        return (
            *missing,
            f"An ensemble of {len(self.members)}; the training photos shown as evidence, and the "
            f"baselines of reports, are those of its member {self.about.lead}.",
        )


def combine(
    answers: Sequence[Prediction],
    weights: Floats,
    agree_m: float,
    lead: int,
    notes: tuple[str, ...] = (),
) -> Prediction:
    """Make one prediction of several about the same photos.

    What the members do not predict stays NaN, or without regions.

    Args:
        answers: One prediction a member.
        weights: `(m,)` positive, adding up to 1.
        agree_m: See `combine_positions`.
        lead: Which member's evidence and descriptors are kept.
        notes: Notes of the result.
    """
    stacked = {
        name: np.stack([getattr(answer, name) for answer in answers])
        for name in (
            "region_probabilities", "region_head", "position_m", "position_refined_m",
            "heading_deg", "heading_refined_deg", "heading_length",
        )
    }  # fmt: skip
    refined_m, spread_m = combine_positions(stacked["position_refined_m"], weights, agree_m)
    refined_deg, spread_deg = combine_headings(stacked["heading_refined_deg"], weights)
    return replace(
        answers[lead],
        region_probabilities=combine_shares(stacked["region_probabilities"], weights),
        region_head=combine_shares(stacked["region_head"], weights),
        position_m=combine_positions(stacked["position_m"], weights, agree_m)[0],
        position_refined_m=refined_m,
        heading_deg=combine_headings(stacked["heading_deg"], weights)[0],
        heading_refined_deg=refined_deg,
        heading_length=combine_lengths(stacked["heading_deg"], stacked["heading_length"], weights),
        evidence=_combined_evidence(answers, weights),
        # The members' confidence is in their own answers.
        confidence=None,
        notes=notes,
        members=tuple(_without_descriptor(answer) for answer in answers),
        member_spread_m=spread_m,
        member_spread_deg=spread_deg,
    )


def _combined_evidence(answers: Sequence[Prediction], weights: Floats) -> Evidence | None:
    evidence = [answer.evidence for answer in answers if answer.evidence is not None]
    return Evidence.of_members(evidence, weights) if len(evidence) == len(answers) else None


def _without_descriptor(answer: Prediction) -> Prediction:
    return replace(answer, descriptor=np.empty((len(answer), 0), np.float32))


def _turn(progress: Progress | None, turn: int, turns: int) -> Progress | None:
    """Tell of photos done as if one network saw them, whichever member's turn it is."""
    if progress is None:
        return None
    return lambda done, total: progress((turn * total + done) // turns, total)
