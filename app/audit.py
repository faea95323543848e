"""What there is to know about a data set before trusting it: sizes, notes, parts, leaks."""

from dataclasses import dataclass

import pandas as pd

from core.dataset.labels import Dataset
from core.dataset.leak import leak_shares
from core.dataset.splits import PARTS, Split


@dataclass(frozen=True)
class SplitFacts:
    """A split in figures.

    Attributes:
        counts: Part -> region (display name) -> photos.
        sizes: Part -> photos; with the buffer, where the split has one.
        leak: Radius in words -> share of test photos with a training photo that near.
    """

    counts: dict[str, dict[str, int]]
    sizes: dict[str, int]
    leak: dict[str, float]


def region_names(data: Dataset) -> dict[str, str]:
    """Display name of every region, its id where it has none."""
    return {region: data.campus.region_names.get(region, region) for region in data.regions}


def region_sizes(data: Dataset) -> dict[str, dict[str, int]]:
    """Photos of each region by display name, as one part, in the regions' stable order."""
    counts = data.table["region"].value_counts()
    return {"photos": {name: int(counts[one]) for one, name in region_names(data).items()}}


def facts(data: Dataset) -> dict[str, str]:
    """The first figures of a data set, in words."""
    south_west, north_east = _extent(data)
    low, high = north_east - south_west
    return {
        "Photos": f"{len(data):,}",
        "Left out": f"{len(data.excluded):,}",
        "Regions": f"{len(data.regions)}",
        "Extent": f"{low:,.0f} m × {high:,.0f} m",
        "Coordinates": data.campus.frame.kind.replace("_", " "),
    }


def split_facts(data: Dataset, split: Split) -> SplitFacts:
    """Count a split's parts and measure how near its test photos are to training photos."""
    every = {part: split.rows(data, part) for part in PARTS}
    rows = {part: own for part, own in every.items() if len(own)}
    names = region_names(data)
    named = data.table["region"].map(names)
    counts = {
        str(part): {name: int((named.iloc[own] == name).sum()) for name in names.values()}
        for part, own in rows.items()
    }
    metres = data.local_frame().to_metres(data.positions)
    shares = leak_shares(metres[rows["test"]], metres[rows["train"]])
    leak = {key.removeprefix("within_").replace("m", " m"): share for key, share in shares.items()}
    sizes = {str(part): len(own) for part, own in rows.items()}
    left_out = len(split.rows(data, "buffer"))
    return SplitFacts(counts, sizes | ({"left out": left_out} if left_out else {}), leak)


def photo_rows(data: Dataset, region: str | None, words: str) -> pd.DataFrame:
    """Photos of a region (None: of all) whose file name contains `words`."""
    table = data.table
    if region is not None:
        table = table[table["region"] == region]
    if words:
        table = table[table["photo_id"].str.contains(words, case=False, regex=False)]
    return table


def _extent(data: Dataset) -> tuple[pd.Series, pd.Series]:
    # Quantiles, because one label with a lost digit would stretch the campus over the continent.
    metres = pd.DataFrame(data.local_frame().to_metres(data.positions))
    return metres.quantile(0.005), metres.quantile(0.995)
