"""Making an ensemble: members are checked, scored on validation, weighted and copied.

The folder holds the members under `members/`, the split, and the card, which is written last.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from core.confidence.files import FILE as CALIBRATION
from core.dataset.store import prepare_dataset
from core.ensemble.schema import EnsembleConfig
from core.ensemble.weigh import Weights, weigh
from core.errors import CheckpointError, ConfigError, SplitError
from core.evaluation.evaluate import predict_selection
from core.evaluation.scores import ScoredPrediction
from core.evaluation.selection import select
from core.files import write_bytes, write_json
from core.geo import Floats, LocalFrame, distance_m
from core.headline import raw_card_metrics, refined_card_metrics
from core.inference.ensemble import Ensemble, combine
from core.inference.ensemble_compat import check_compatible
from core.inference.loading import (
    load_predictor,
)
from core.inference.predictor import Predictor
from core.inference.stored_split import load_split
from core.locks import LOCK, hold
from core.model.card import (
    ENSEMBLE_VERSION,
    MEMBERS,
    Card,
    EnsembleCard,
    MemberCard,
    read_card,
    write_card,
)
from core.model.device import choose_device
from core.retrieval.gallery import ARRAYS, NAMES, has_gallery
from core.runs import CARD, SPLIT, find_checkpoint, home_of, trained_dataset
from core.splits.split import Split


def check_free(out: Path) -> None:
    """Refuse to write over anything but an ensemble that was left unfinished.

    Raises:
        ConfigError: `out` holds something.
    """
    if out.is_file():
        raise ConfigError(f"{out} is a file: name a new folder for the ensemble")
    if not out.is_dir():
        return
    # A kill before the card leaves members without one; they are written anew.
    begun = {MEMBERS, SPLIT, LOCK}
    held = sorted(entry.name for entry in out.iterdir() if entry.name not in begun)
    if held:
        raise ConfigError(f"{out} exists and holds {held[0]}: name a new folder for the ensemble")


def member_names(paths: Sequence[Path]) -> tuple[str, ...]:
    """Names of members' folders: those of their runs, numbered where two are the same."""
    names: list[str] = []
    for path in map(Path.resolve, paths):
        name = home_of(path).name.lstrip(".") or "member"
        same, number = name, 1
        while name in names:
            number += 1
            name = f"{same}-{number}"
        names.append(name)
    return tuple(names)


def write_ensemble(out: Path, card: Card, members: Sequence[Predictor], split: Split) -> None:
    """Write the folder; whatever kills it, it has a card only when it is whole.

    Raises:
        CheckpointError: A member changed while it was copied.
        LockHeld: Another process writes the same folder.
    """
    if card.ensemble is None:
        raise ValueError("the card of an ensemble names its members")
    with hold(out):
        check_free(out)
        for named, member in zip(card.ensemble.members, members, strict=True):
            _copy(member, out / MEMBERS / named.name)
        write_json(out / SPLIT, split.to_json())
        write_card(out, card)


def _copy(member: Predictor, to: Path) -> None:
    source = member.folder
    files = [member.card.weights, *((NAMES, ARRAYS) if has_gallery(source) else ())]
    files += [] if member.card.retrieval is None else [member.card.retrieval.weights]
    files += [CALIBRATION] if (source / CALIBRATION).exists() else []
    if (exported := member.card.exported) is not None:
        files += [graph.file for graph in (exported.network, exported.retrieval) if graph]
    try:
        for name in files:
            write_bytes(to / name, (source / name).read_bytes())
        content = (source / CARD).read_bytes()
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{source} changed while it was copied ({error}): wait for its run to end"
        ) from error
    write_json(to / SPLIT, load_split(source).to_json())
    write_bytes(to / CARD, content)
    if read_card(to) != member.card:
        raise CheckpointError(
            f"{source} changed while it was copied: wait until its run has ended, then try again"
        )


Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class SavedEnsemble:
    """An ensemble that was saved.

    Attributes:
        folder: Its folder.
        card: Its card.
    """

    folder: Path
    card: Card

    @property
    def about(self) -> EnsembleCard:
        """Members and weights."""
        if self.card.ensemble is None:
            raise ValueError("the card of an ensemble names its members")
        return self.card.ensemble


def make_ensemble(config: EnsembleConfig, progress: Progress | None = None) -> SavedEnsemble:
    """Score the members on the validation part of their split, weight them, and save them as one.

    Nothing is written before all members are checked; the card is written last. The test part is
    not used.

    Args:
        config: Members and options.
        progress: Called with `(photos done, photos in all)`, first while photos are decoded, then
            while they are predicted.

    Raises:
        ConfigError: The members do not fit together, by name, or `out` is taken.
        CheckpointError: A member is missing or damaged.
        SplitError, LabelError, FrameError, ImageError: See `select` and `prepare_dataset`.
    """
    check_free(config.out)
    folders = [find_checkpoint(member) for member in config.members]
    named = [(str(given), read_card(at)) for given, at in zip(config.members, folders, strict=True)]
    check_compatible(named)
    device = choose_device(config.device)
    members = tuple(load_predictor(folder, device) for folder in folders)
    split = load_split(folders[0])
    scored, scale_m = _scored(config, members, split, progress)
    weights = weigh(scored, config.weights, scale_m, config.temperature)
    order = np.argsort(-weights.values, kind="stable")
    scored, members = [scored[i] for i in order], tuple(members[i] for i in order)
    weights = replace(weights, values=weights.values[order])
    names = member_names([config.members[i] for i in order])
    card = _card(config, members, names, scored, weights, scale_m)
    write_ensemble(config.out, card, members, split)
    return SavedEnsemble(config.out, card)


def _scored(
    config: EnsembleConfig, members: tuple[Predictor, ...], split: Split, progress: Progress | None
) -> tuple[list[ScoredPrediction], float]:
    """Every member's predictions of the validation photos, decoded as the ensemble decodes them."""
    trial = _trial(members)
    dataset, store = prepare_dataset(
        _dataset(config), trial.store_size, allow_missing=config.allow_missing, progress=progress
    )
    for member in members[1:]:
        select(dataset, member, "val")  # its gallery must know these photos too
    selection = select(dataset, members[0], "val")
    prediction = predict_selection(trial, store, selection, config.batch_size, progress)
    rows = split.rows(dataset, "train")
    if len(rows) == 0:
        raise SplitError(
            f"{dataset.root} holds no photo that the members were trained on: give their dataset"
        )
    scale_m = _scale_m(trial.card.local_frame, dataset.positions[rows])
    return [ScoredPrediction(selection.truth, answer) for answer in prediction.members], scale_m


def _dataset(config: EnsembleConfig) -> Path:
    if config.dataset is not None:
        return config.dataset
    for member in config.members:
        try:
            return trained_dataset(member)
        except ConfigError:
            continue
    raise ConfigError(
        "none of the members says where its dataset is (they are checkpoints without runs): name "
        "the dataset folder with --dataset"
    )


def _trial(members: tuple[Predictor, ...]) -> Ensemble:
    """The members under equal weights, so that all of them are run."""
    equal = np.full(len(members), 1.0 / len(members))
    names = tuple(str(number) for number in range(len(members)))
    about = EnsembleCard(
        members=_member_cards(members, names, equal, [{}] * len(members)),
        lead=names[0],
        weighing="uniform",
        rule="trial",
        photos=0,
        agree_m=0.0,
    )
    first = members[0]
    card = _with_members(first.card, members, about)
    return Ensemble(replace(first.loaded, card=card), first.device, members, first.lock)


def _card(
    config: EnsembleConfig,
    members: tuple[Predictor, ...],
    names: tuple[str, ...],
    scored: list[ScoredPrediction],
    weights: Weights,
    scale_m: float,
) -> Card:
    """The card of the ensemble, with its members' and its own figures on validation."""
    metrics = [_metrics(one, scale_m) for one in scored]
    lead = _lead(members, weights)
    about = EnsembleCard(
        members=_member_cards(members, names, weights.values, metrics),
        lead=names[lead],
        weighing=config.weights,
        temperature=config.temperature if config.weights == "softmax" else None,
        rule=weights.rule,
        photos=len(scored[0].truth),
        agree_m=config.agree_m,
    )
    weighted = int((weights.values > 0).sum())
    predictions = [one.prediction for one in scored[:weighted]]
    combined = combine(predictions, weights.values[:weighted], config.agree_m, lead)
    notes = weights.notes
    if weighted < len(members):
        notes += (f"{len(members) - weighted} members have no weight and are not run.",)
    return _with_members(members[lead].card, members, about).model_copy(
        update={
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": config.command,
            "metrics": _metrics(ScoredPrediction(scored[0].truth, combined), scale_m),
            "notes": notes,
        }
    )


def _with_members(card: Card, members: tuple[Predictor, ...], about: EnsembleCard) -> Card:
    """The lead's card as that of an ensemble, which decodes photos for its largest member."""
    store_size = max(member.store_size for member in members)
    return card.model_copy(
        update={
            "schema_version": ENSEMBLE_VERSION,
            "preprocess": card.preprocess.model_copy(update={"store_size": store_size}),
            "refine": None,
            "weights": "",
            "weights_dtype": "float32",
            "ensemble": about,
        }
    )


def _member_cards(
    members: tuple[Predictor, ...],
    names: tuple[str, ...],
    weights: Floats,
    metrics: list[dict[str, float]],
) -> tuple[MemberCard, ...]:
    return tuple(
        MemberCard(
            name=name,
            weight=float(weight),
            weights=member.card.weights,
            created=member.card.created,
            command=member.card.command,
            metrics=figures,
        )
        for member, name, weight, figures in zip(members, names, weights, metrics, strict=True)
    )


def _lead(members: tuple[Predictor, ...], weights: Weights) -> int:
    """The first member with a gallery, else the first; members are in order of weight."""
    weighted = int((weights.values > 0).sum())
    return next((i for i in range(weighted) if members[i].gallery is not None), 0)


def _metrics(scored: ScoredPrediction, scale_m: float) -> dict[str, float]:
    """Figures on validation, named as in the cards of runs."""
    errors = scored.errors
    raw, refined = errors.raw.figures(), errors.refined.figures()
    score = {"val_score_refined": errors.refined.score(scale_m)}
    return raw_card_metrics(raw) | refined_card_metrics(refined) | score


def _scale_m(frame: LocalFrame, labels: Floats) -> float:
    """Median distance of training photos from their median, as a run's own score has it.

    1 without positions, whose score does not read it.
    """
    known = labels[np.isfinite(labels).all(axis=1)]
    if not len(known):
        return 1.0
    position_m = frame.to_metres(known)
    away = distance_m(position_m, np.median(position_m, axis=0))
    return max(1.0, float(np.median(away)))
