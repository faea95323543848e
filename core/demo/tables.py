"""The tables of a demo folder: noisy labels, exact truth, and the file that names the frame."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from core.demo.base_layer import INVENTED_PLACE, write_base_layer
from core.demo.photo import photo_truth
from core.demo.seeds import photo_name
from core.demo.walks import Pose
from core.demo.world import World
from core.files import write_text

LABEL_COLUMNS = (
    "filename", "timestamp", "latitude", "longitude", "angle", "Region_ID",
    "hfov_deg", "walk", "visit",
)  # fmt: skip
TRUTH_COLUMNS = (
    "filename", "north_m", "east_m", "latitude", "longitude", "heading_deg", "pitch_deg",
    "roll_deg", "hfov_deg", "eye_m", "region", "walk", "visit", "stop", "hour",
)  # fmt: skip


def write_tables(out: Path, world: World, poses: list[Pose], version: int) -> None:
    """Write the base layer, truth.csv, labels.csv and, last, campus.toml, which ends the build."""
    fixes = INVENTED_PLACE.to_degrees(
        [(pose.labelled_north_m, pose.labelled_east_m) for pose in poses]
    )
    exact = INVENTED_PLACE.to_degrees([(pose.north_m, pose.east_m) for pose in poses])
    truths = [photo_truth(world, pose) for pose in poses]
    labels = [
        (photo_name(pose.index), f"{int(pose.hour):02d}:{int(pose.hour % 1 * 60):02d}",
         f"{fix[0]:.7f}", f"{fix[1]:.7f}", pose.labelled_angle, truth.region,
         f"{pose.walk.hfov_deg:.1f}", pose.walk.number, pose.walk.visit)
        for pose, fix, truth in zip(poses, fixes, truths, strict=True)
    ]  # fmt: skip
    rows = [
        (photo_name(t.index), f"{t.north_m:.3f}", f"{t.east_m:.3f}",
         f"{spot[0]:.8f}", f"{spot[1]:.8f}",
         f"{t.heading_deg:.3f}", f"{t.pitch_deg:.3f}", f"{t.roll_deg:.3f}", f"{t.hfov_deg:.3f}",
         f"{t.eye_m:.3f}", t.region, t.walk, t.visit, t.stop, f"{t.hour:.4f}")
        for t, spot in zip(truths, exact, strict=True)
    ]  # fmt: skip
    write_base_layer(out, world)
    write_text(out / "truth.csv", _csv(TRUTH_COLUMNS, rows))
    write_text(out / "labels.csv", _csv(LABEL_COLUMNS, labels))
    write_text(out / "campus.toml", _campus(world, len(poses), version))


def _csv(columns: tuple[str, ...], rows: Sequence[tuple[str | int, ...]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def _campus(world: World, photos: int, version: int) -> str:
    names = "\n".join(f'{index} = "{name}"' for index, name in world.region_names.items())
    return (
        'name = "Demo campus"\n\n[frame]\nkind = "degrees"\n\n'
        f"[regions]\n{names}\n\n"
        f"[demo]\nseed = {world.seed}\nphotos = {photos}\nversion = {version}\n"
    )
