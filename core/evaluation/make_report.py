"""Putting a report together: figures, baselines, and what keeps the figures from flattering.

The caveats are the leak (photos near a training photo, and the figures of all others), intervals
from draws of whole visits or spots, and the figures without photos whose labels are suspect.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from core.amounts import counted, percent
from core.dataset.labels import Dataset
from core.evaluation.coverage import Unseen, coverage_report
from core.evaluation.intervals import FEWEST_CLUSTERS, Bootstrap, Grouping
from core.evaluation.recall import neighbour_distances, retrieval_recall
from core.evaluation.report import (
    BaselineReport,
    Both,
    CheckpointReport,
    DatasetReport,
    EnsembleReport,
    Excluded,
    ExcludedPhoto,
    Flagged,
    Intervals,
    Leak,
    MemberReport,
    OneRegion,
    RegionScores,
    Report,
    RetrievalRecall,
    Scores,
    Subset,
    SuspectLabels,
    TrainedOn,
)
from core.evaluation.scores import (
    ScoredPrediction,
    heading_metrics,
    position_metrics,
    precision_recall_f1,
    region_metrics,
)
from core.evaluation.selection import Selection
from core.geo import Floats
from core.headline import PhotoErrors, Rows
from core.inference.predictor import Predictor
from core.labels import Label
from core.model.card import EnsembleCard
from core.retrieval.baselines import Baseline
from core.splits.leak import LEAK_RADII_M, shares_within

FEWEST_PHOTOS = 10
"""Figures of fewer photos are chance."""


@dataclass(frozen=True)
class Caveats:
    """What is known about n evaluated photos besides their truth.

    Attributes:
        nearest_m: `(n,)` distance to the nearest training photo; None if unknown.
        grouping: Photos whose errors are correlated; None if that is unknown.
        suspect: Photos whose labels are suspect; None if no labels were checked.
        regions: False if no tested region was ever trained.
        positions: Whether a photo has a position.
    """

    nearest_m: Floats | None = None
    grouping: Grouping | None = None
    suspect: SuspectLabels | None = None
    regions: bool = True
    positions: bool = True


def make_report(
    scored: ScoredPrediction,
    baselines: tuple[Baseline, ...],
    selection: Selection,
    dataset: Dataset,
    predictor: Predictor,
    caveats: Caveats,
    unseen: Unseen | None = None,
) -> Report:
    """Put a report together; `unseen` are the photos of places without a training photo."""
    scores = score_photos(scored, baselines, predictor.card.region_names, caveats)
    notes = (
        *selection.notes,
        *_left_out_notes(predictor),
        *label_notes(scores, scored.prediction.labels),
        *baseline_notes(scores),
        *scored.prediction.notes,
        *_unknown_regions(scored, len(predictor.regions)),
        *caveat_notes(caveats),
        *_refused_notes(scored),
        *dataset.notes,
    )
    groups = None if caveats.grouping is None else caveats.grouping.groups
    ensemble = predictor.card.ensemble
    return Report(
        **{each.name: getattr(scores, each.name) for each in fields(scores)},
        split=selection.split,
        seen_in_training=int(selection.seen.sum()),
        excluded=_excluded(dataset),
        notes=notes,
        checkpoint=_checkpoint(predictor),
        dataset=_dataset(dataset),
        trained_on=_trained_on(predictor),
        coverage=coverage_report(scored, predictor.card.region_names, groups, unseen),
        ensemble=None if ensemble is None else ensemble_report(scored, ensemble),
        retrieval=_retrieval(scored, predictor, caveats),
    )


def _retrieval(
    scored: ScoredPrediction, predictor: Predictor, caveats: Caveats
) -> RetrievalRecall | None:
    gallery, nearest_m = predictor.gallery, caveats.nearest_m
    if gallery is None or nearest_m is None:
        return None
    rows = scored.prediction.neighbours
    away_m = neighbour_distances(scored.truth.position_m, gallery.position_m, rows)
    return retrieval_recall(away_m, nearest_m)


def score_photos(
    scored: ScoredPrediction,
    baselines: Sequence[Baseline],
    region_names: Mapping[str, str],
    caveats: Caveats | None = None,
) -> Scores:
    """Everything that follows from predictions, truth and what is known about the photos."""
    caveats = caveats or Caveats()
    errors = scored.errors
    if not caveats.regions:
        errors = Both(*(replace(each, region_hit=None) for each in (errors.raw, errors.refined)))
    near, suspect = caveats.nearest_m, caveats.suspect
    bootstrap = None if caveats.grouping is None else Bootstrap(caveats.grouping)
    raw, refined = scored.errors.raw.figures(), scored.errors.refined.figures()
    region, counts = None, scored.truth.counts
    if caveats.regions and scored.region is not None:
        region = replace(scored.region, accuracy_raw=raw.region_accuracy)
    return Scores(
        n=len(scored.truth),
        labelled=None if set(counts.values()) == {len(scored.truth)} else counts,
        region=region,
        position=scored.position,
        heading=scored.heading,
        joint_10m_15deg=refined.joint_10m_15deg,
        joint_10m_15deg_raw=raw.joint_10m_15deg,
        per_region=_per_region(scored, region_names),
        baselines={
            each.name: _baseline_report(each, scored, bootstrap, regions=caveats.regions)
            for each in baselines
        },
        leak=None if near is None or np.isnan(near).all() else leak_report(near, errors),
        intervals=None if bootstrap is None else _intervals(bootstrap, errors),
        flagged=None
        if suspect is None
        else flagged_report(suspect, scored.truth.photo_ids, errors),
    )


def subset(errors: Both[PhotoErrors], rows: Rows) -> Subset:
    """The figures of the chosen photos, or why there are none."""
    n = int(rows.sum())
    if n < FEWEST_PHOTOS:
        reason = f"{n:,} photos are fewer than {FEWEST_PHOTOS}"
        return Subset(n=n, raw=None, refined=None, reason=reason)
    raw, refined = errors.raw.figures(rows), errors.refined.figures(rows)
    return Subset(n=n, raw=raw, refined=refined, reason=None)


def leak_report(nearest_m: Floats, errors: Both[PhotoErrors]) -> Leak:
    """Shares of photos near a training photo, and the figures of the photos that are not.

    A photo taken where a training photo was taken can be located from memory.

    Args:
        nearest_m: Distance of every evaluated photo to the nearest training photo `(n,)`; NaN for
            a photo without a position, which counts in no share.
        errors: Of the same photos.
    """
    return Leak(
        **shares_within(nearest_m),
        nearest_training_m=float(np.median(nearest_m[~np.isnan(nearest_m)])),
        away={f"beyond_{radius:g}m": subset(errors, nearest_m > radius) for radius in LEAK_RADII_M},
    )


def flagged_report(
    suspect: SuspectLabels, photo_ids: Sequence[str], errors: Both[PhotoErrors]
) -> Flagged:
    """How many evaluated photos have suspect labels and why, and the figures without them."""
    flagged = np.array([name in suspect.kinds for name in photo_ids], bool)
    names = [name for name, doubted in zip(photo_ids, flagged, strict=True) if doubted]
    counts = Counter(kind for name in names for kind in dict.fromkeys(suspect.kinds[name]))
    return Flagged(
        source=suspect.source,
        n=len(names),
        kinds=dict(counts.most_common()),
        photo_ids=tuple(names),
        all=subset(errors, np.ones_like(flagged)),
        without=subset(errors, ~flagged),
    )


def ensemble_report(scored: ScoredPrediction, card: EnsembleCard) -> EnsembleReport:
    """Each member on the same photos, and how far the members disagree."""
    prediction = scored.prediction
    if prediction.member_spread_m is None or prediction.member_spread_deg is None:
        raise ValueError("the prediction of an ensemble holds how far its members disagree")
    placed, turned = ("position" in prediction.labels), ("heading" in prediction.labels)
    asked = [member.name for member in card.members if member.weight > 0]
    figures = {
        name: ScoredPrediction(scored.truth, answer).errors.refined.figures().as_dict()
        for name, answer in zip(asked, prediction.members, strict=True)
    }
    return EnsembleReport(
        members=tuple(
            MemberReport(name=each.name, weight=each.weight, **figures.get(each.name, {}))
            for each in card.members
        ),
        lead=card.lead,
        weighing=card.weighing,
        rule=card.rule,
        agree_m=card.agree_m,
        disagree_share=float((prediction.member_spread_m > card.agree_m).mean())
        if placed
        else None,
        median_spread_m=float(np.median(prediction.member_spread_m)) if placed else None,
        median_spread_deg=float(np.median(prediction.member_spread_deg)) if turned else None,
    )


def label_notes(scores: Scores, predicted: Sequence[Label]) -> list[str]:
    """Which of the predicted labels these photos lack, and what that leaves out of the figures."""
    notes = []
    for label in predicted:
        count, many = scores.photos_with(label), f"{label}s"
        if count == 0:
            notes.append(f"None of these photos has a {label}: {many} are not compared.")
        elif count < scores.n:
            notes.append(
                f"{count:,} of these {scores.n:,} photos have a {label}: figures of {many} are "
                "over those."
            )
    return notes


def baseline_notes(scores: Scores) -> list[str]:
    """Which baselines are at least as good as the refined model.

    The median position error decides; without positions, the region accuracy.
    """
    model = scores.figures("refined")
    rivals = {name: each.figures for name, each in scores.baselines.items()}
    if model.median_m is not None:
        better = {
            name: f"a median position error of {rival.median_m:.1f} m, the model "
            f"{model.median_m:.1f} m"
            for name, rival in rivals.items()
            if rival.median_m is not None and rival.median_m <= model.median_m
        }
    else:
        better = {
            name: f"a region accuracy of {percent(rival.known('region_accuracy'), 1)}, the model "
            f"{percent(model.known('region_accuracy'), 1)}"
            for name, rival in rivals.items()
            if None not in (rival.region_accuracy, model.region_accuracy)
            and rival.known("region_accuracy") >= model.known("region_accuracy")
        }
    return [
        f"Baseline {name} has {figures}: "
        + (
            "the part of the truth that it is given is worth more than the pixels to the model."
            if scores.baselines[name].given_truth
            else "the model is not worth its training."
        )
        for name, figures in better.items()
    ]


def caveat_notes(caveats: Caveats) -> list[str]:
    """What a reader must know before believing the intervals."""
    groups = caveats.grouping
    if groups is None:
        return [
            f"The photos {'are too dense' if caveats.positions else 'have no positions'} to be "
            "split into spots, and their visits are unknown, so there are no confidence intervals."
        ]
    if groups.count >= FEWEST_CLUSTERS:
        return []
    return [
        f"These photos are of {counted(groups.count, groups.by)}: confidence intervals from "
        f"fewer than {FEWEST_CLUSTERS} are unreliable."
    ]


def _intervals(bootstrap: Bootstrap, errors: Both[PhotoErrors]) -> Intervals:
    return Intervals(
        raw=bootstrap.intervals(errors.raw),
        refined=bootstrap.intervals(errors.refined),
        **bootstrap.described(),
    )


def _baseline_report(
    baseline: Baseline, scored: ScoredPrediction, bootstrap: Bootstrap | None, *, regions: bool
) -> BaselineReport:
    truth = scored.truth
    errors = PhotoErrors.between(
        (truth.position_m, truth.heading_deg, truth.region),
        (baseline.position_m, baseline.heading_deg, baseline.region if regions else None),
    )
    placed, turned = np.isfinite(errors.error_m), np.isfinite(errors.error_deg)
    named = truth.region >= 0
    region = position = heading = None
    if errors.region_hit is not None and baseline.region is not None and named.any():
        found = region_metrics(truth.region[named], baseline.region[named], truth.regions)
        # A matrix for each baseline would double the size of the report.
        region = RegionScores(**{each.name: getattr(found, each.name)
                                 for each in fields(RegionScores)})  # fmt: skip
    if placed.any():
        labels = truth.to_labels(baseline.position_m)[placed]
        position = position_metrics(
            truth.position_m[placed], baseline.position_m[placed], truth.labels[placed], labels
        )
    if turned.any():
        heading = heading_metrics(truth.heading_deg[turned], baseline.heading_deg[turned])
    return BaselineReport(
        description=baseline.description,
        given_truth=baseline.given_truth,
        region=region,
        position=position,
        heading=heading,
        joint_10m_15deg=errors.figures().joint_10m_15deg,
        intervals=None if bootstrap is None else bootstrap.intervals(errors),
    )


def _per_region(scored: ScoredPrediction, names: Mapping[str, str]) -> dict[str, OneRegion]:
    truth, predicted = scored.truth, scored.prediction.region_index
    named, errors, found = scored.compared("region"), scored.errors, {}
    precision = f1 = None
    if named.any():
        precision, _, f1 = precision_recall_f1(
            truth.region[named], predicted[named], len(truth.regions)
        )
    for index, region in enumerate(truth.regions):
        rows = truth.region == index
        if not rows.any():
            continue
        raw, refined = errors.raw.figures(rows), errors.refined.figures(rows)
        found[region] = OneRegion(
            name=names.get(region, region),
            n=int(rows.sum()),
            accuracy=refined.region_accuracy,
            median_m=raw.median_m,
            median_refined_m=refined.median_m,
            maae_deg=raw.maae_deg,
            maae_refined_deg=refined.maae_deg,
            precision=None if precision is None else float(precision[index]),
            f1=None if f1 is None else float(f1[index]),
        )
    return found


def _left_out_notes(predictor: Predictor) -> list[str]:
    left_out = predictor.card.left_out
    return [] if left_out is None else [f"{left_out.words}."]


def _unknown_regions(scored: ScoredPrediction, known: int) -> list[str]:
    unknown = int((scored.truth.region >= known).sum())
    if not unknown or not known:
        return []
    return [f"{unknown:,} photos are of regions that the model does not know; they count as wrong."]


def _refused_notes(scored: ScoredPrediction) -> list[str]:
    count = int(scored.prediction.refused.sum())
    if not count:
        return []
    return [
        f"{count:,} of {len(scored.truth):,} photos would be refused as not of this campus; the "
        "main figures count them too, with the answer that the model would give."
    ]


def _excluded(dataset: Dataset) -> Excluded:
    rows = dataset.excluded[["photo_id", "reason"]].itertuples(index=False)
    photos = tuple(ExcludedPhoto(str(row.photo_id), str(row.reason)) for row in rows)
    return Excluded(len(photos), photos)


def _checkpoint(predictor: Predictor) -> CheckpointReport:
    card = predictor.card
    return CheckpointReport(
        folder=str(predictor.folder),
        weights=card.weights,
        created=card.created,
        backbone=card.model.backbone,
        input_size=card.preprocess.input_size,
        refine=card.refine,
    )


def _dataset(dataset: Dataset) -> DatasetReport:
    return DatasetReport(
        root=str(dataset.root.resolve()),
        campus=dataset.campus.name,
        photos=len(dataset),
        frame=dataset.campus.frame.kind,
        unit=dataset.campus.frame.unit,
        demo_seed=dataset.campus.demo_seed,
    )


def _trained_on(predictor: Predictor) -> TrainedOn:
    card = predictor.card
    split: dict[str, Any] = card.split.model_dump(mode="json")
    return TrainedOn(
        campus=card.campus,
        demo_seed=card.demo_seed,
        photos=None if predictor.gallery is None else len(predictor.gallery),
        split=split,
    )
