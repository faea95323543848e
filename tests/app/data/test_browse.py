import numpy as np

from app.data.browse import split_facts
from core.splits.protocols import make_split
from tests.dataset.plane import dataset_of


def test_photos_in_the_buffer_are_counted_and_there_is_no_part_without_photos() -> None:
    points = np.random.default_rng(0).uniform(0, 300, (900, 2))
    data = dataset_of(points, ["1"] * 900)
    block, spot = (make_split(data, name, 0, cell_m=30.0) for name in ("block", "spot"))
    facts = split_facts(data, block)
    assert facts.sizes["left out"] == list(block.parts.values()).count("buffer") > 0
    assert sum(facts.sizes.values()) == 900
    assert facts.leak == {"1 m": 0.0, "5 m": 0.0, "10 m": 0.0}
    assert list(split_facts(data, spot).sizes) == ["train", "val", "calibrate", "test"]
    few = dataset_of(points[:60], ["1"] * 60)
    assert list(split_facts(few, make_split(few, "spot", 0)).sizes) == ["train", "val", "test"]
