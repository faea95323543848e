"""Decisions about findings, and the photos that stay flagged."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from core.audit.findings import Finding
from core.audit.review import (
    accept_by_rule,
    decide,
    flagged_photo_ids,
    key_of,
    review,
    take_back,
    undo_by_rule,
    undo_last,
)
from core.audit.run import audit
from core.audit.schema import AuditConfig
from core.dataset.labels import read_dataset
from core.dataset.repairs import Repair, read_repairs
from core.errors import ConfigError

Spoiled = Callable[[], tuple[Finding, ...]]


@pytest.fixture
def spoiled(small_campus: Path) -> Spoiled:
    """A campus with headings of 372, -15 and 360, and an odd timestamp."""
    table = pd.read_csv(small_campus / "labels.csv", dtype=str)
    table.loc[1, "angle"] = "372"
    table.loc[2, "angle"] = "-15"
    table.loc[3, "angle"] = "360"
    table.loc[4, "timestamp"] = " 9:00"
    table.to_csv(small_campus / "labels.csv", index=False)
    return lambda: audit(AuditConfig(dataset=small_campus, photos=False)).findings


def test_decide_and_undo(spoiled: Spoiled, small_campus: Path) -> None:
    findings = spoiled()
    assert [each.decision for each in review(small_campus, findings)] == [None] * 4
    decide(small_campus, findings[0], "accepted")
    decide(small_campus, findings[1], "rejected")
    decisions = [each.decision for each in review(small_campus, findings)]
    assert decisions[:2] == ["accepted", "rejected"]
    assert spoiled() == findings  # the audit goes by the file, not by the repairs
    decide(small_campus, findings[0], "rejected")
    assert review(small_campus, findings)[0].decision == "rejected"
    undone = undo_last(small_campus)
    assert undone is not None
    assert undone.decision == "rejected"
    assert review(small_campus, findings)[0].decision == "accepted"
    undo_last(small_campus)
    undo_last(small_campus)
    assert undo_last(small_campus) is None
    assert read_repairs(small_campus) == ()


def test_decisions_made_at_one_moment_are_all_kept(
    spoiled: Spoiled, small_campus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(folder: Path) -> tuple[Repair, ...]:
        found = read_repairs(folder)
        time.sleep(0.05)
        return found

    findings = spoiled()
    monkeypatch.setattr("core.audit.review.read_repairs", slowly)
    with ThreadPoolExecutor(len(findings)) as pool:
        list(pool.map(lambda found: decide(small_campus, found, "accepted"), findings))
    assert [each.decision for each in review(small_campus, findings)] == ["accepted"] * 4


def test_any_decision_is_taken_back_for_good(spoiled: Spoiled, small_campus: Path) -> None:
    findings = spoiled()
    decide(small_campus, findings[0], "rejected")
    decide(small_campus, findings[1], "accepted")
    decide(small_campus, findings[0], "accepted")
    assert take_back(small_campus, {key_of(findings[0])}) == 2
    assert [each.decision for each in review(small_campus, findings)][:2] == [None, "accepted"]
    assert take_back(small_campus, {key_of(findings[0])}) == 0


def test_a_rejected_finding_about_no_row_is_no_lost_repair(small_campus: Path) -> None:
    about = Finding("stray.jpg", "unlabelled_photo", "filename", "", "", 0.3, "no row names it")
    decide(small_campus, about, "rejected")
    assert not [note for note in read_dataset(small_campus).notes if "repairs" in note]


def test_what_is_accepted_is_what_is_read(spoiled: Spoiled, small_campus: Path) -> None:
    found = {each.filename: each for each in spoiled()}
    decide(small_campus, found["img_0001.jpg"], "accepted", new="270")
    decide(small_campus, found["img_0004.jpg"], "accepted")
    table = read_dataset(small_campus).table.set_index("filename")
    assert table.loc["img_0001.jpg", "heading_deg"] == 270.0
    assert table.loc["img_0004.jpg", "timestamp"] == "09:00"


def test_a_rule_accepts_what_is_sure_and_leaves_people_their_word(
    spoiled: Spoiled, small_campus: Path
) -> None:
    findings = spoiled()
    out_of_range = [each for each in findings if each.finding == "heading_out_of_range"]
    decide(small_campus, out_of_range[0], "rejected")
    kinds = ["heading_out_of_range", "heading_360"]
    (made,) = accept_by_rule(small_campus, findings, kinds, 0.9)
    assert (made.filename, made.by) == (out_of_range[1].filename, "rule")
    assert accept_by_rule(small_campus, findings, kinds, 0.9) == ()
    assert len(undo_by_rule(small_campus, ["all"])) == 1
    assert [repair.by for repair in read_repairs(small_campus)] == ["person"]
    with pytest.raises(ConfigError, match="there is no kind of finding oddity"):
        accept_by_rule(small_campus, findings, ["oddity"])


def test_what_is_about_no_row_cannot_be_accepted(small_campus: Path) -> None:
    about = Finding("labels.csv", "heading_rounding", "angle", "", "", 0.3, "rounded")
    with pytest.raises(ConfigError, match="no single label row"):
        decide(small_campus, about, "accepted")
    decide(small_campus, about, "rejected")
    assert review(small_campus, [about])[0].decision == "rejected"


def test_undecided_sure_findings_flag_their_photo(spoiled: Spoiled, small_campus: Path) -> None:
    first, second = "images/img_0001.jpg", "images/img_0002.jpg"
    assert flagged_photo_ids(small_campus) == {first, second}
    findings = {each.photo_id: each for each in spoiled()}
    decide(small_campus, findings[first], "rejected")
    assert flagged_photo_ids(small_campus) == {second}
    decide(small_campus, findings[second], "accepted")
    assert flagged_photo_ids(small_campus) == frozenset()
    assert len(flagged_photo_ids(small_campus, min_score=0.1)) == 2


def test_stored_findings_flag_the_same_photos(
    spoiled: Spoiled, small_campus: Path, tmp_path: Path
) -> None:
    stored = tmp_path / "findings.csv"
    audit(AuditConfig(dataset=small_campus, out=stored, photos=False))
    fresh, by_file = (
        flagged_photo_ids(small_campus),
        flagged_photo_ids(small_campus, findings=stored),
    )
    assert fresh == by_file != frozenset()
    decide(small_campus, spoiled()[0], "rejected")
    assert flagged_photo_ids(small_campus, findings=stored) == flagged_photo_ids(small_campus)
