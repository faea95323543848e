import hashlib
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from core.__main__ import main
from core.bundle import export_model, import_model
from core.errors import CheckpointError, ConfigError
from core.inference.files import find_photos
from core.inference.loading import load_predictor


@pytest.fixture(scope="module")
def bundle(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shared checkpoint as one file; read only."""
    out = tmp_path_factory.mktemp("bundle") / "model.zip"
    assert main(["export", str(checkpoint), "--out", str(out)]) == 0
    return out


def forged(tmp_path: Path, held: dict[str, bytes], **changes: object) -> Path:
    """A bundle of these files with a manifest that fits them, apart from the changes."""
    told = [
        {"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in held.items()
    ]
    manifest = {"kind": "bearings-model", "version": 1, "files": told} | changes
    path = tmp_path / "forged.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in held.items():
            made.writestr(name, content)
        made.writestr("manifest.json", json.dumps(manifest))
    return path


def contents(bundle: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(bundle) as opened:
        return {name: opened.read(name) for name in opened.namelist() if name != "manifest.json"}


def test_a_model_answers_alike_before_and_after(
    bundle: Path, checkpoint: Path, shared_campus: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "imported"
    assert main(["import", str(bundle), "--out", str(out)]) == 0
    paths = find_photos(shared_campus / "images")[:3]
    before, after = (
        load_predictor(folder).predict_files(paths).prediction for folder in (checkpoint, out)
    )
    for name in ("position_refined_m", "heading_refined_deg", "region_probabilities", "inliers"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
    assert load_predictor(checkpoint).fingerprint == load_predictor(out).fingerprint
    assert [path.name for path in out.parent.iterdir()] == ["imported"]


def test_a_bundle_is_the_same_each_time(bundle: Path, checkpoint: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.zip"
    manifest = export_model(checkpoint, again)
    assert again.read_bytes() == bundle.read_bytes()
    assert "split.json" in {file.name for file in manifest.files}


def test_nothing_is_overwritten(bundle: Path, checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="exists"):
        export_model(checkpoint, bundle)
    held = tmp_path / "held"
    held.mkdir()
    with pytest.raises(ConfigError, match="overwrites nothing"):
        import_model(bundle, held)


@pytest.mark.parametrize(
    "name",
    [
        "../card.json", "/etc/card.json", "members/../card.json", "members/.x/card.json",
        "members\\a\\card.json", "run.py", "members/a/b/card.json", "photo.jpg",
    ],
)  # fmt: skip
def test_names_that_are_none_of_a_checkpoint_are_refused(tmp_path: Path, name: str) -> None:
    path = forged(tmp_path, {"card.json": b"{}", name: b"x"})
    with pytest.raises(CheckpointError, match=r"no part of a checkpoint|other files"):
        import_model(path, tmp_path / "out")
    assert sorted(child.name for child in tmp_path.rglob("*") if child.suffix == ".json") == []


def test_damage_of_every_kind_is_refused_and_leaves_nothing(bundle: Path, tmp_path: Path) -> None:
    files = contents(bundle)
    weights = next(name for name in files if name.startswith("model-"))
    spoiled = files | {weights: files[weights][:-1] + b"\x00"}
    told = json.loads(zipfile.ZipFile(bundle).read("manifest.json"))["files"]
    small = [file | ({"size": 10} if file["name"] == weights else {}) for file in told]
    cases = {
        "is not the file that its manifest": forged(tmp_path, spoiled, files=told).read_bytes(),
        "is not the file that": forged(tmp_path, files, files=small).read_bytes(),
        "is damaged, or of a later version": forged(tmp_path, files, version=2).read_bytes(),
        "other files than": forged(tmp_path, files, files=told[1:]).read_bytes(),
        "no model that can answer": forged(
            tmp_path, {name: files[name] for name in files if name != "gallery.json"}
        ).read_bytes(),
        "no model that can": forged(tmp_path, spoiled).read_bytes(),
        "it holds no manifest": forged(tmp_path, {}).read_bytes().replace(b"manifest", b"minifest"),
        "is damaged": bundle.read_bytes()[:-40],
        "damaged": b"no zip",
    }
    path = tmp_path / "case.zip"
    for message, content in cases.items():
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=message):
            import_model(path, tmp_path / "models" / "out")
        assert list((tmp_path / "models").iterdir()) == [], message
    with pytest.raises(CheckpointError, match="there is no bundle"):
        import_model(tmp_path / "absent.zip", tmp_path / "models" / "out")


def test_more_bytes_than_a_model_has_are_refused_before_they_are_read(tmp_path: Path) -> None:
    files = {"card.json": b"{}", "gallery.json": b"{}"}
    told = [{"name": name, "size": 2**33 + 1, "sha256": "0" * 64} for name in files]
    with pytest.raises(CheckpointError, match="more than 16 GB"):
        import_model(forged(tmp_path, files, files=told), tmp_path / "out")
