"""Sentences about labels that are absent from a data set, a report or the answers of a model."""

from collections.abc import Collection

from core.dataset.labels import Dataset
from core.evaluation.report import Scores
from core.labels import LABELS, PLURALS, Label, absence_note, absent, without
from core.training.schema import MONITORED

NO_TRUE_REGION = "No photo has a region, so there is no comparison by region."

_COLUMNS: dict[Label, str] = {
    "position": "the columns `latitude` and `longitude`",
    "heading": "a column `heading`",
    "region": "a column `region`",
}


def of_data(label: Label, lost: str) -> str:
    """Why the page of a data set lacks something, and which column brings it.

    Args:
        label: The label that no photo has.
        lost: What is not shown, such as `map`.
    """
    return (
        f"No photo has a {label}, so there is no {lost}. Add {_COLUMNS[label]} to the label file."
    )


def lacking(data: Dataset) -> list[str]:
    """Which labels no photo, or only some photos, have; a sentence for each."""
    none = [
        f"No photo has a {label}, so models of these photos predict no {PLURALS[label]}. "
        f"Add {_COLUMNS[label]} to the label file to change that."
        for label in LABELS
        if label not in data.labels
    ]
    return none + partial(data)


def partial(data: Dataset) -> list[str]:
    """Which labels only some photos have, and whether regions were made; a sentence for each."""
    sentences = []
    for label in data.labels:
        count = int(data.labelled(label).sum())
        if label == "region" and data.regions_from == "positions":
            sentences.append(
                f"No photo names a region: {len(data.regions):,} regions were made from the "
                "positions."
            )
        elif count < len(data):
            sentences.append(_some(count, len(data), label))
    return sentences


def of_training(data: Dataset) -> str:
    """What a model of these photos will not predict, and why; empty if it predicts everything."""
    if not absent(data.labels):
        return ""
    return f"The model will predict {without(data.labels)}: no photo has any."


def of_model(label: Label, lost: str) -> str:
    """Why the answers of a model lack something, such as `map`."""
    return f"This model predicts no {PLURALS[label]}, so there is no {lost}."


def of_report(report: Scores, predicted: Collection[Label], label: Label, lost: str) -> str:
    """Why the page of a report lacks something.

    Args:
        report: A report without figures of the label.
        predicted: What its model predicts.
        label: The label that the model does not predict, or that no evaluated photo has.
        lost: What is not shown, such as `chart of heading errors`.
    """
    if label not in predicted:
        return of_model(label, lost)
    if not report.photos_with(label):
        return f"No evaluated photo has a {label}, so there is no {lost}."
    return f"The model knows none of the regions of these photos, so there is no {lost}."


def of_pair(candidate: str, reference: str, measure: str) -> str:
    """Why two models are not compared in a measure region by region."""
    label = MONITORED[measure]
    return (
        f"**{candidate}** is not compared with {reference} in {PLURALS[label]}: one of them "
        f"predicts none, or no photo has a {label}."
    )


def counted(report: Scores, label: Label) -> str:
    """Over how many photos the figures of a label are; empty if over all of them."""
    count = report.photos_with(label)
    return "" if count == report.n else _some(count, report.n, label)


def unreported(report: Scores, predicted: Collection[Label]) -> list[str]:
    """Of which labels a report has no figures, or figures of some photos only."""
    figures = {"position": report.position, "heading": report.heading, "region": report.region}
    sentences = [
        counted(report, label)
        if figures[label] is not None
        else of_report(report, predicted, label, f"figure of {PLURALS[label]}")
        for label in predicted
    ]
    return [*absence_note(predicted), *filter(None, sentences)]


def _some(count: int, of: int, label: Label) -> str:
    return (
        f"{count:,} of {of:,} photos have a {label}: figures and charts of {PLURALS[label]} are "
        "about these."
    )
