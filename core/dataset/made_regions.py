"""Regions of photos that name none: those of polygons, else k-means of the local metres."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core.dataset.labels import Dataset
from core.dataset.layout import AREAS_FILE
from core.geo import Floats, LocalFrame, far_from_middle

# With fewer photos than this a region is hardly learned, and its parts hardly say anything.
PHOTOS_PER_REGION = 8
FEWEST_REGIONS, MOST_REGIONS = 4, 20
# The silhouette compares every pair of photos, k-means every photo with every centre many times.
_COMPARED, _CLUSTERED = 2000, 20_000
_SEED = 0
_OTHERWISE = (
    "regions = N above all [sections] of campus.toml asks for another number, regions = 0 for none"
)


def cluster_centres(position_m: Floats, count: int, seed: int) -> Floats:
    """Centres `(k, 2)` of the k-means clusters of positions `(n, 2)`, from north to south.

    The same positions in another order have the same centres. There are never more than different
    positions.
    """
    from sklearn.cluster import KMeans  # heavy, and only data sets without regions need it

    # k-means starts from drawn rows, so rows are drawn from a fixed order, each place once.
    places, weight = np.unique(np.round(position_m, 3), axis=0, return_counts=True)
    fitted = KMeans(min(count, len(places)), n_init=10, random_state=seed)
    centres = np.asarray(fitted.fit(places, sample_weight=weight).cluster_centers_, np.float64)
    return centres[np.lexsort((centres[:, 1], -centres[:, 0]))]


def nearest_centre(position_m: Floats, centres_m: Floats) -> NDArray[np.int64]:
    """Index `(n,)` of the centre `(k, 2)` that is nearest to each position `(n, 2)`."""
    from scipy.spatial import cKDTree  # slow to import, and most data sets name their regions

    return np.asarray(cKDTree(centres_m).query(position_m)[1], np.int64)


def best_count(position_m: Floats) -> int:
    """The number of regions whose k-means clusters have the greatest silhouette; 0 if too few.

    See Rousseeuw 1987, "Silhouettes: a graphical aid to the interpretation and validation of
    cluster analysis".
    """
    from sklearn.metrics import silhouette_score

    drawn = _some(position_m, _COMPARED)
    places = len(np.unique(drawn.round(3), axis=0))
    most = min(MOST_REGIONS, len(position_m) // PHOTOS_PER_REGION, places - 1)
    if most < 2:
        return 0
    counts = range(min(FEWEST_REGIONS, most), most + 1)
    scores = []
    for count in counts:
        cluster = nearest_centre(drawn, cluster_centres(drawn, count, _SEED))
        scores.append(float(silhouette_score(drawn, cluster)))
    return counts[int(np.argmax(scores))]


def _some(position_m: Floats, most: int) -> Floats:
    """The positions, or so many of them, whatever their order."""
    if len(position_m) <= most:
        return position_m
    ordered = position_m[np.lexsort(position_m.T)]
    return ordered[np.random.default_rng(_SEED).choice(len(ordered), most, replace=False)]


def with_regions(dataset: Dataset) -> Dataset:
    """Take regions from the polygons of the folder, or make them if nobody named any."""
    if (dataset.root / AREAS_FILE).is_file():
        from core.dataset.region_areas import with_areas  # GEOS, and only needed here

        dataset = with_areas(dataset)
    asked = dataset.campus.region_count
    if dataset.labelled("region").any():
        if asked is None:
            return dataset
        whose = "areas" if dataset.regions_from == "polygons" else "photos"
        unused = f"regions = {asked} in campus.toml is not used: the {whose} name regions"
        return replace(dataset, notes=(*dataset.notes, unused))
    return with_made_regions(dataset) if dataset.labelled("position").any() else dataset


def with_made_regions(dataset: Dataset) -> Dataset:
    """Give every photo with a position a region, as many as campus.toml asks or as fit best."""
    asked = dataset.campus.region_count
    placed = dataset.labelled("position")
    position_m = dataset.local_frame().to_metres(dataset.positions[placed])
    # A photo of another place would get a region of its own.
    usual_m = position_m[~far_from_middle(position_m)]
    count, centres_m = _clustered(usual_m.tobytes(), asked)
    if count == 0:
        why = "" if asked == 0 else ": there are too few photos, or too few places, to make some"
        return replace(dataset, notes=(*dataset.notes, f"no photo names a region{why}"))
    centres = dataset.local_frame().to_labels(np.array(centres_m))
    made = with_regions_near(dataset, centres, [str(n + 1) for n in range(len(centres))])
    fewer = f" ({asked} were asked, but there are fewer places)" if len(centres) < count else ""
    otherwise = "" if asked is not None else f"; {_OTHERWISE}"
    note = (
        f"no photo names a region: {len(centres):,} regions were made from the positions{fewer}"
        f"{otherwise}"
    )
    return replace(made, notes=(*dataset.notes, note))


@lru_cache(maxsize=8)  # a campus is read again and again, and clustering it takes a second
def _clustered(positions: bytes, asked: int | None) -> tuple[int, tuple[tuple[float, ...], ...]]:
    """How many regions the bytes of positions in metres make, and their centres."""
    position_m = np.frombuffer(positions).reshape(-1, 2)
    count = best_count(position_m) if asked is None else asked
    if count == 0:
        return 0, ()
    centres_m = cluster_centres(_some(position_m, _CLUSTERED), count, _SEED)
    return count, tuple(map(tuple, centres_m.tolist()))


def with_regions_near(dataset: Dataset, centres: Floats, ids: Sequence[str]) -> Dataset:
    """Give every photo with a position the region whose centre is nearest.

    Args:
        dataset: Photos.
        centres: `(k, 2)` `[latitude, longitude]` in its label units.
        ids: The region of each centre.
    """
    placed = dataset.labelled("position")
    local = LocalFrame.about(dataset.campus.frame, centres)
    metres = local.to_metres(dataset.positions[placed]), local.to_metres(centres)
    region = np.full(len(dataset), "", dtype=object)
    region[placed] = np.array(ids, dtype=object)[nearest_centre(*metres)]
    present = [number for number, name in enumerate(ids) if (region == name).any()]
    pairs = np.asarray(centres, np.float64)[present].tolist()
    return replace(
        dataset,
        # Names in campus.toml are those of other regions.
        campus=replace(dataset.campus, region_names={}),
        table=dataset.table.assign(region=region),
        regions=tuple(ids[number] for number in present),
        regions_from="positions",
        region_centres=tuple((north, east) for north, east in pairs),
    )
