"""The review of labels on the Data page: what is decided stands in repairs.csv, nowhere else."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import TextInput

from app.data.review.queue import Wanted, after, place_of, waiting
from core.audit.findings import Finding
from core.audit.review import Reviewed, key_of
from core.audit.rows import read_rows
from core.dataset.repairs import read_repairs
from core.errors import LabelError
from tests.app.page_text import said

OpenPage = Callable[..., AppTest]


def spoil(folder: Path) -> None:
    """Write headings of 372, -15 and 360, a region of another place and an odd timestamp."""
    table = pd.read_csv(folder / "labels.csv", dtype=str)
    table.loc[1, "angle"] = "372"
    table.loc[2, "angle"] = "-15"
    table.loc[3, "angle"] = "360"
    table.loc[4, "timestamp"] = " 9:00"
    table.to_csv(folder / "labels.csv", index=False)


@pytest.fixture
def campus(shared_campus: Path, tmp_path: Path) -> Path:
    """A spoiled data set in a workspace of its own."""
    folder = tmp_path / "data" / "tiny"
    shutil.copytree(shared_campus, folder, ignore=shutil.ignore_patterns(".bearings"))
    spoil(folder)
    return folder


@pytest.fixture
def opened(campus: Path, tmp_path: Path, open_page: OpenPage) -> AppTest:
    """The section, not checked yet."""
    return open_review(open_page(tmp_path, "data"))


@pytest.fixture
def page(opened: AppTest) -> AppTest:
    """The section after the check: its queue is 372, -15, 360, the timestamp."""
    return press(opened, "review_check")


def open_review(app: AppTest) -> AppTest:
    return app.segmented_control(key="data_section").set_value("Review").run()


def press(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click().run()
    assert not app.exception
    return app


def shown(app: AppTest) -> str:
    """The value that the page asks about."""
    found = [each.value for each in app.markdown if "in the file:" in each.value]
    return str(found[0].split("`")[1]) if found else ""


def field(app: AppTest) -> TextInput:
    return next(each for each in app.text_input if each.label == "New value")


def decisions(folder: Path) -> list[tuple[str, str, str, str]]:
    return [(r.old, r.new, r.decision, r.by) for r in read_repairs(folder)]


def test_nothing_is_checked_before_it_is_asked(opened: AppTest) -> None:
    assert "have not been checked" in said(opened)
    assert "No decisions yet" in said(opened)
    assert not [each for each in opened.button if each.key == "review_accept"]


def test_accept_reject_next_and_undo(page: AppTest, campus: Path) -> None:
    before = (campus / "labels.csv").read_bytes()
    assert shown(page) == "372"
    assert field(page).value == "12"
    press(page, "review_accept")
    assert shown(page) == "-15"
    press(page, "review_next")
    assert shown(page) == "360"
    press(page, "review_reject")
    assert decisions(campus) == [
        ("372", "12", "accepted", "person"), ("360", "0", "rejected", "person")
    ]  # fmt: skip
    press(page, "review_undo")
    assert shown(page) == "360"
    assert decisions(campus) == [("372", "12", "accepted", "person")]
    assert "Accepted: 1 (values replaced: 1, photos left out: 0); rejected: 0" in said(page)
    page.segmented_control(key="data_section").set_value("Labels").run()
    assert "1 repairs of repairs.csv were applied" in said(page)
    assert (campus / "labels.csv").read_bytes() == before


def test_every_finding_can_be_decided(page: AppTest, campus: Path) -> None:
    for _ in range(4):
        press(page, "review_reject")
    assert "No finding waits for a decision" in said(page)
    press(page, "review_undo")
    assert len(decisions(campus)) == 3
    assert shown(page)


def test_a_corrected_proposal_is_what_is_written(page: AppTest, campus: Path) -> None:
    field(page).set_value("400").run()
    press(page, "review_accept")
    assert "'400' is not a heading" in page.error[0].value
    assert (shown(page), field(page).value, decisions(campus)) == ("372", "400", [])
    field(page).set_value(" 270.5 ").run()
    press(page, "review_accept")
    assert decisions(campus) == [("372", "270.5", "accepted", "person")]


def test_without_a_value_the_button_says_that_the_photo_is_left_out(
    page: AppTest, campus: Path
) -> None:
    assert page.button(key="review_accept").label == "Accept"
    field(page).set_value("").run()
    assert page.button(key="review_accept").label == "Leave the photo out"
    press(page, "review_accept")
    assert decisions(campus) == [("372", "", "accepted", "person")]


def test_a_rule_says_how_many_before_it_accepts(page: AppTest, campus: Path) -> None:
    page.selectbox(key="review_rule_kind").set_value("heading_out_of_range").run()
    page.number_input(key="review_rule_least").set_value(0.95).run()
    assert page.button(key="review_rule_yes").disabled
    page.number_input(key="review_rule_least").set_value(0.5).run()
    assert page.button(key="review_rule_yes").label == "Yes, accept 2"
    assert decisions(campus) == []
    press(page, "review_rule_yes")
    assert {each[3] for each in decisions(campus)} == {"rule"}
    assert {each[0] for each in decisions(campus)} == {"372", "-15"}
    press(page, "review_reject")
    press(page, "review_forget_heading_out_of_range")
    assert [each[2] for each in decisions(campus)] == ["rejected"]


def test_any_decision_is_taken_back(page: AppTest, campus: Path) -> None:
    press(press(page, "review_accept"), "review_accept")
    first = read_repairs(campus)[0]
    page.multiselect(key="review_chosen").set_value([first.key]).run()
    press(page, "review_forget")
    assert [each[0] for each in decisions(campus)] == ["-15"]


def test_kinds_and_scores_filter_the_queue(page: AppTest) -> None:
    assert page.dataframe[0].value["Undecided"].sum() == 4
    page.multiselect(key="review_kinds").set_value(["heading_360"]).run()
    assert shown(page) == "360"
    page.number_input(key="review_least").set_value(0.95).run()
    assert "No finding waits for a decision" in said(page)


def test_broken_repairs_are_named(page: AppTest, campus: Path) -> None:
    (campus / "repairs.csv").write_text("no table\n", encoding="utf-8")
    page.run()
    assert not page.exception
    assert "repairs.csv needs the header" in page.error[0].value
    assert (campus / "repairs.csv").read_text(encoding="utf-8") == "no table\n"


def test_a_folder_that_cannot_be_written_to_loses_nothing(
    page: AppTest, campus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path, text: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    field(page).set_value("270").run()
    with monkeypatch.context() as patch:
        patch.setattr("core.dataset.repairs.write_text", refused)
        press(page, "review_accept")
    assert "cannot be written" in page.error[0].value
    assert (shown(page), field(page).value) == ("372", "270")
    press(page, "review_accept")
    assert not page.error
    assert decisions(campus) == [("372", "270", "accepted", "person")]


def test_labels_without_photos_are_reviewed_too(
    campus: Path, tmp_path: Path, open_page: OpenPage
) -> None:
    shutil.rmtree(campus / "images")
    app = open_page(tmp_path, "data")
    assert "Review" in said(app)
    assert app.error
    app = press(open_review(app), "review_check")
    assert "is missing, so only its label can be checked" in said(app)
    press(app, "review_accept")
    assert decisions(campus) == [("372", "12", "accepted", "person")]


def test_one_csv_file_is_a_data_set(campus: Path, tmp_path: Path, open_page: OpenPage) -> None:
    named = (campus / "labels.csv").rename(campus / "some_rows.csv")
    app = press(open_review(open_page(tmp_path, "data", dataset=str(named))), "review_check")
    press(app, "review_accept")
    assert decisions(campus) == [("372", "12", "accepted", "person")]


def test_sound_labels_are_said_to_be_sound(
    shared_campus: Path, tmp_path: Path, open_page: OpenPage
) -> None:
    shutil.copytree(shared_campus, tmp_path / "data" / "tiny")
    app = press(open_review(open_page(tmp_path, "data")), "review_check")
    assert "No finding in 48 rows" in app.success[0].value


def test_changed_labels_have_to_be_checked_again(page: AppTest, campus: Path) -> None:
    table = pd.read_csv(campus / "labels.csv", dtype=str)
    table.loc[7, "angle"] = "401"
    table.to_csv(campus / "labels.csv", index=False)
    page.run()
    assert "have not been checked" in said(page)
    press(page, "review_check")
    assert page.dataframe[0].value["Undecided"].sum() == 5


def test_the_queue_goes_round() -> None:
    queue = [
        Reviewed(Finding(name, "zero", "latitude", "0", "", 1.0, "why", labels="l.csv"), None)
        for name in "abca"
    ]
    queue = waiting(queue, Wanted())
    assert [each.finding.filename for each in queue] == ["a", "b", "c"]
    assert after(queue, 0) == key_of(queue[1].finding)
    assert after(queue, 2) == key_of(queue[0].finding)
    assert after(queue[:1], 0) is None
    assert place_of(queue, key_of(queue[1].finding)) == 1
    assert place_of(queue, None) == 0


def test_labels_that_are_no_table_are_named(
    campus: Path, tmp_path: Path, open_page: OpenPage
) -> None:
    (campus / "labels.csv").write_text("filename,latitude\na.jpg,1\n", encoding="utf-8")
    app = press(open_review(open_page(tmp_path, "data")), "review_check")
    assert "longitude" in app.error[0].value
    with pytest.raises(LabelError):
        read_rows(campus)
