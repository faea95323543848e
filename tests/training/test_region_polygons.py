"""A model of regions that come from polygons: it trains, and keeps the polygons for maps."""

import json
from pathlib import Path

import pandas as pd

from core.dataset.labels import read_dataset
from core.evaluation.selection import with_regions_of
from core.inference.export_files import to_geojson
from core.inference.loading import load_predictor
from core.model.card import read_card
from core.training.fit import fit
from tests.training.conftest import TinyRun


def test_a_model_of_polygon_regions_keeps_them(
    small_campus: Path, tiny_run: TinyRun, tmp_path: Path
) -> None:
    table = pd.read_csv(small_campus / "labels.csv")
    boxes = table.groupby("Region_ID")[["longitude", "latitude"]].agg(["min", "max"])
    features = []
    for region, box in boxes.iterrows():
        (west, east), (south, north) = (
            box["longitude"] + [-1e-5, 1e-5],
            box["latitude"] + [-1e-5, 1e-5],
        )
        ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
        features.append(
            {
                "type": "Feature",
                "properties": {"name": f"Area {region}"},
                "geometry": {"type": "Polygon", "coordinates": [ring]},
            }
        )
    content = {"type": "FeatureCollection", "features": features}
    (small_campus / "regions.geojson").write_text(json.dumps(content))
    table.drop(columns="Region_ID").to_csv(small_campus / "labels.csv", index=False)
    dataset = read_dataset(small_campus)
    assert dataset.regions_from == "polygons"
    wanted = ("Area " + table["Region_ID"].astype(str)).tolist()
    assert dataset.table["region"].tolist() == wanted
    list(fit(tiny_run(tmp_path / "run", dataset=small_campus)))
    best = tmp_path / "run" / "checkpoints" / "best"
    card = read_card(best)
    assert card.regions == dataset.regions
    assert card.areas == dataset.areas
    assert card.region_centres is None
    predictor = load_predictor(best, "cpu")
    found = predictor.predict_files([Path(dataset.table["path"].iloc[0])])
    drawn = json.loads(to_geojson(found.prediction, predictor.gallery))["features"]
    assert [one["properties"]["region"] for one in drawn[1:]] == list(dataset.regions)
    # Its own regions are compared, and without the polygons those that the model keeps.
    own, notes = with_regions_of(card, dataset)
    assert (own.table["region"].tolist(), notes) == (wanted, ())
    (small_campus / "regions.geojson").unlink()
    bare = read_dataset(small_campus)
    assert bare.regions_from == "positions"
    same, notes = with_regions_of(card, bare)
    assert same.table["region"].tolist() == wanted
    assert len(notes) == 1
