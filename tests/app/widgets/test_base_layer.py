import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from app.widgets import base_layer, pickers

LAWN = {"type": "Polygon", "coordinates": [[[77, 12], [77.001, 12], [77, 12.001], [77, 12]]]}
FEATURE = {"type": "Feature", "properties": {"kind": "lawn"}, "geometry": LAWN}
SHAPES = json.dumps({"type": "FeatureCollection", "features": [FEATURE]})


def test_the_base_layer_is_that_of_the_sidebar_if_it_has_one_of_the_place(
    workspace_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint, evaluated = (
        workspace_copy / "checkpoints" / "tiny",
        workspace_copy / "data" / "tiny",
    )
    newer = Path(shutil.copytree(evaluated, workspace_copy / "data" / "newer"))
    picked: list[Path | None] = [newer]
    monkeypatch.setattr(pickers, "dataset_path", lambda: picked[-1])
    assert base_layer.source_of(str(evaluated), checkpoint) == evaluated, "it has no base layer"
    (newer / "campus.geojson").write_text(SHAPES)
    assert base_layer.source_of(str(evaluated), checkpoint) == newer
    assert base_layer.source_of(str(workspace_copy / "gone"), checkpoint) == newer
    table = pd.read_csv(newer / "labels.csv")
    table["latitude"] += 0.5
    table.to_csv(newer / "labels.csv", index=False)
    assert base_layer.source_of(str(evaluated), checkpoint) == evaluated, "it is another place"
    picked.append(None)
    assert base_layer.source_of(str(evaluated), checkpoint) == evaluated
