"""What `ingest` would make of a folder of photos without a label table, as one screen of text."""

from collections import Counter
from pathlib import Path

from core.dataset.layout import ingest_command
from core.ingest.panorama import Sphere, sphere_of
from core.ingest.photos import MAGNETIC, gather, kind, reasons
from core.ingest.schema import IngestConfig


def survey(folder: Path) -> str:
    """Say which labels the photos of a folder hold, and the command that makes a dataset of them.

    Empty if no photo has a position, so that none can be made.
    """
    sources, left_out = gather(IngestConfig(photos=folder, out=folder))
    placed = sum(source.position_deg is not None for source in sources)
    if not placed:
        return ""
    lacks = [source.lacks.get("heading", "") for source in sources]
    absent = Counter(kind(why) for why in lacks if why)
    headings = [str(lacks.count("")), *(f"{n} x {why}" for why, n in absent.most_common())]
    lines = {
        "positions": f"{placed}, from EXIF or Google Takeout",
        "headings": "; ".join(headings),
        "regions": "none: training makes regions of the positions",
    }
    if left_out:
        lines["left out"] = "; ".join(f"{n} x {why}" for why, n in reasons(left_out).items())
    panoramas = sum(isinstance(sphere_of(source.exif, False), Sphere) for source in sources)
    if panoramas:
        lines["panoramas"] = f"{panoramas}, which are cut into views"
    options = ["--panorama"] if panoramas else []
    if MAGNETIC in lacks:
        options += ["--declination", "DEG"]
    lines["next"] = ingest_command(folder, *options)
    described = [f"  {subject:<10} {text}" for subject, text in lines.items()]
    return "\n".join([f"{folder}: {len(sources):,} photos and no label table", *described])
