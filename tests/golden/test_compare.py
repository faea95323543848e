"""The comparison itself: what it lets pass and what not."""

import pytest

from tests.golden import compare
from tests.golden.compare import check_table, check_text, close, differences

STORED = "photo,north_m,region\na.jpg,10.250,7\nb.jpg,0.001,8\n"


@pytest.fixture(autouse=True)
def stored(tmp_path, monkeypatch) -> None:  # noqa: ANN001
    monkeypatch.setattr(compare, "STORED", tmp_path)
    monkeypatch.setattr(compare, "UPDATE", False)
    (tmp_path / "table.csv").write_text(STORED)
    (tmp_path / "help.txt").write_text("one\ntwo\n")


def test_the_rounding_of_a_processor_passes() -> None:
    assert close(7.41, 7.4105)
    assert not close(7.41, 7.412)
    assert close(float("nan"), float("nan"))
    check_table("table.csv", STORED.replace("0.001", "0.002").replace("10.250", "10.2505"))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("10.250", "10.260", "a.jpg, north_m: 10.250 before, 10.260 now"),
        (",7", ",9", "a.jpg, region: 7 before, 9 now"),
        ("region", "place", "other columns"),
        ("b.jpg", "c.jpg", "other rows"),
    ],
)
def test_a_changed_table_is_told(old: str, new: str, said: str) -> None:
    with pytest.raises((pytest.fail.Exception, AssertionError), match=said):
        check_table("table.csv", STORED.replace(old, new))


def test_a_changed_text_is_told() -> None:
    check_text("help.txt", "one\ntwo\n")
    with pytest.raises(pytest.fail.Exception, match="UPDATE_GOLDEN=1"):
        check_text("help.txt", "one\nthree\n")


def test_differences_name_their_place() -> None:
    old = {"n": 3, "raw": {"median_m": 7.4}, "notes": ["a"], "none": None, "yes": True}
    assert not list(differences(old, dict(reversed(old.items()))))
    new = {"n": 4, "raw": {"median": 7.4}, "notes": ["a", "b"], "none": 0.0, "yes": 1}
    assert sorted(differences(old, new)) == [
        ".n: 3 before, 4 now",
        ".none: None before, 0.0 now",
        ".notes: 1 entries before, 2 now",
        ".raw.median: new",
        ".raw.median_m: gone",
        ".yes: True before, 1 now",
    ]


def test_a_degree_is_compared_by_metres_not_by_its_size() -> None:
    assert close(12.0021482, 12.0021484, degrees=True)
    assert not close(12.0021482, 12.0021582, degrees=True)
    assert list(differences({"latitude": 12.0021482}, {"latitude": 12.0021582}))


def test_a_feature_distance_is_compared_as_the_cosine_it_comes_from() -> None:
    assert not list(differences({"distance": 0.012719}, {"distance": 0.012728}))
    assert not list(differences({"distance": 0.0}, {"distance": 0.000488}))
    assert list(differences({"distance": 0.377786}, {"distance": 0.378}))
