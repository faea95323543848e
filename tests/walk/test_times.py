from pathlib import Path

import pytest

from core.errors import ConfigError
from core.walk.times import order_of_files, order_of_times, table_times

NAMES = ("a.jpg", "b.jpg", "c.jpg", "d.jpg")


def test_photos_are_ordered_by_time() -> None:
    found = order_of_times(
        ["2024-03-05 10:01:00", "2024-03-05 10:00:00", "", "2024:03:05 10:00:30"], NAMES
    )
    assert found.rows.tolist() == [1, 3, 0]
    assert found.seconds.tolist() == [0.0, 30.0, 60.0]
    assert found.resolution_s == 1.0
    assert any("1 photos without a time" in note and "c.jpg" in note for note in found.notes)
    assert any("earlier than the one before" in note for note in found.notes)


def test_equal_times_keep_their_order_within_the_clocks_resolution() -> None:
    found = order_of_times(["12:09", "12:09", "12:08", "12:09"], NAMES)
    assert found.rows.tolist() == [2, 0, 1, 3]
    assert found.seconds.tolist() == [0.0, 60.0, 80.0, 100.0]
    assert found.resolution_s == 60.0
    assert any("3 photos share their time" in note for note in found.notes)


def test_times_without_a_date_continue_past_midnight() -> None:
    found = order_of_times(["23:58", "00:01", "23:55", "00:03"], NAMES)
    assert found.rows.tolist() == [2, 0, 1, 3]
    assert found.seconds.tolist() == [0.0, 180.0, 360.0, 480.0]
    assert any("no date" in note for note in found.notes)
    assert order_of_times(["09:00", "17:00"], NAMES[:2]).rows.tolist() == [0, 1]


def test_days_count_where_dates_say_which() -> None:
    found = order_of_times(["2024-03-06 00:01", "2024-03-05 23:59"], NAMES[:2])
    assert found.rows.tolist() == [1, 0]
    assert found.seconds.tolist() == [0.0, 120.0]
    # The same day, whichever it is.
    assert order_of_times(["05/03/2024 10:00", "05/03/2024 10:01"], NAMES[:2]).rows.tolist() == [
        0,
        1,
    ]
    with pytest.raises(ConfigError, match="2024-03-05 12:30"):
        order_of_times(["05/03/2024 10:00", "06/03/2024 10:00"], NAMES[:2])


def test_no_time_at_all_is_refused_and_the_order_of_names_needs_none() -> None:
    with pytest.raises(ConfigError, match="order is unknown"):
        order_of_times(["", "at noon"], NAMES[:2])
    found = order_of_files(3, 20.0)
    assert found.rows.tolist() == [0, 1, 2]
    assert found.seconds.tolist() == [0.0, 20.0, 40.0]


def test_times_come_from_a_table_of_names(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("filename,date,time\nimages/a.jpg,2024-03-05,10:00\nb.jpg,2024-03-05,10:02\n")
    found = table_times(table, ("a.jpg", "b.jpg", "c.jpg"))
    assert found == ["2024-03-05 10:00", "2024-03-05 10:02", ""]
    with pytest.raises(ConfigError, match="no time for any"):
        table_times(table, ("x.jpg",))
    table.write_text("filename,time\none/a.jpg,10:00\ntwo/a.jpg,10:02\n")
    assert table_times(table, ("two/a.jpg",)) == ["10:02"]
    with pytest.raises(ConfigError, match="different times"):
        table_times(table, ("three/a.jpg",))
    table.write_text("filename,angle\na.jpg,10\n")
    with pytest.raises(ConfigError, match="no column timestamp"):
        table_times(table, ("a.jpg",))
