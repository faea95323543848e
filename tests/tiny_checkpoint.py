"""A complete checkpoint in a second: an untrained network with a gallery, split and card."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from core.dataset.labels import Dataset
from core.dataset.store import prepare_dataset
from core.files import read_object, write_json
from core.geo import wrap_heading_deg
from core.inference.loading import load_predictor
from core.model.card import Card, PreprocessCard, SplitCard
from core.model.checkpoint import save_checkpoint
from core.model.network import BearingsModel, build_model
from core.model.normaliser import Normaliser
from core.model.schema import ModelConfig
from core.retrieval.gallery import build_gallery
from core.retrieval.local_features import describe_gallery
from core.retrieval.schema import RefineConfig
from core.splits.protocols import make_split
from core.splits.spatial_groups import spot_groups
from core.splits.split import Split

STORE_SIZE = 72
RETRIEVAL = RefineConfig(
    method="retrieval", k=3, heading_k=3, blend_position=0.8, blend_heading=0.5
)


def make_checkpoint(
    folder: Path,
    root: Path,
    *,
    refine: RefineConfig | None = RETRIEVAL,
    seed: int = 0,
    points: int = 0,
    calibrate_spots: int = 0,
) -> Path:
    """Write a checkpoint for the dataset `root`.

    Args:
        folder: Where to write.
        root: The dataset.
        refine: The refinement; None: no gallery.
        seed: Of the untrained weights.
        points: Keypoints of each gallery photo.
        calibrate_spots: Training spots whose photos are used to calibrate instead: a refusal needs
            40 photos, a twentieth of a campus otherwise.
    """
    torch.manual_seed(seed)
    # By the last layer alone an untrained network mistakes photos, as tests of disagreement need.
    config = ModelConfig(
        backbone="test_resnet", weights="random", input_size=64, place_anchors=0, descriptor="last"
    )
    dataset, store = prepare_dataset(root, STORE_SIZE)
    split = _with_more_to_calibrate(make_split(dataset, "spot", 0), dataset, calibrate_spots)
    model = build_model(config, dataset.regions)
    _spread(model)
    card = _card(config, dataset, split, model)
    save_checkpoint(folder, model.state_dict(), card)
    write_json(folder / "split.json", split.to_json())
    if refine is None:
        return folder
    rows = split.rows(dataset, "train")
    descriptors = load_predictor(folder).describe(np.asarray(store.photos[rows]))
    table = dataset.table.iloc[rows]
    gallery = build_gallery(
        table["photo_id"].tolist(),
        table["filename"].tolist(),
        descriptors,
        card.local_frame.to_metres(dataset.positions[rows]),
        wrap_heading_deg(dataset.headings_deg[rows]),
        dataset.region_index[rows],
        split_hash=split.hash,
        parts=split.parts,
        minute=table["minute"].to_numpy(np.float64),
        widths=model.descriptor_widths,
    )
    if points:
        gallery = replace(gallery, local=describe_gallery(store.photos, rows, points))
    gallery.save(folder)
    card = card.model_copy(update={"refine": refine.model_dump(mode="json")})
    save_checkpoint(folder, model.state_dict(), card)
    return folder


def _with_more_to_calibrate(split: Split, dataset: Dataset, spots: int) -> Split:
    spot = spot_groups(dataset.local_frame().to_metres(dataset.positions))
    train = split.rows(dataset, "train")
    every = np.unique(spot[train])
    chosen = every[np.linspace(0, len(every) - 1, spots).round().astype(int)]
    moved = dataset.table["photo_id"].iloc[train[np.isin(spot[train], chosen)]]
    return replace(split, parts=split.parts | dict.fromkeys(moved, "calibrate"))


def _spread(model: BearingsModel) -> None:
    """Make an untrained network's answers differ from photo to photo."""
    with torch.no_grad():
        for head in (model.region_head, model.heading_head, model.latitude_head):
            head[-1].weight.mul_(20.0)


def _card(config: ModelConfig, dataset: Dataset, split: Split, model: BearingsModel) -> Card:
    frame = dataset.local_frame()
    rows = split.rows(dataset, "train")
    return Card(
        created=datetime(2026, 1, 1, tzinfo=UTC).isoformat(),
        campus=dataset.campus.name,
        demo_seed=dataset.campus.demo_seed,
        frame=dataset.campus.frame,
        origin=frame.origin,
        regions=dataset.regions,
        region_names=dataset.campus.region_names,
        model=config,
        preprocess=PreprocessCard(
            input_size=model.input_size,
            mean=model.mean,
            std=model.std,
            interpolation="bilinear",
            store_size=STORE_SIZE,
        ),
        normaliser=Normaliser.fit(frame.to_metres(dataset.positions[rows])),
        split=SplitCard(
            protocol=split.protocol,
            seed=split.seed,
            fold=split.fold,
            folds=split.folds,
            hash=split.hash,
        ),
        command="python -m core train campus --run runs/tiny",
    )


def with_split(checkpoint: Path, split: Split) -> Path:
    """Let a checkpoint say that it was trained on another split."""
    write_json(checkpoint / "split.json", split.to_json())
    card = read_object(checkpoint / "card.json")
    assert card is not None
    card["split"] |= {"protocol": split.protocol, "seed": split.seed, "hash": split.hash}
    write_json(checkpoint / "card.json", card)
    return checkpoint


def stored_split(checkpoint: Path) -> Split:
    """The split of a checkpoint."""
    split = Split.read(checkpoint / "split.json")
    assert split is not None
    return split
