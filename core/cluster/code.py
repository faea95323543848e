"""The code that travels: the package, so that a cluster needs no checkout."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import ConfigError
from core.project import PROJECT

# What a resumed job takes along lies here.
CARRIED = "carried"
# Ray's own limit is 500 MiB; what nears it belongs on storage that both sides see.
MOST_BYTES = 400 * 1024**2
_LEFT_HERE = shutil.ignore_patterns("__pycache__", ".*", "tensorboard", "reports", "ray.json")


@contextmanager
def packed(carried: Path | None = None) -> Iterator[Path]:
    """Give a temporary folder with `core/` and, where asked, a run's folder to go on with.

    Args:
        carried: A folder that the cluster does not see and the command goes on with.

    Raises:
        ConfigError: It is too large to travel.
    """
    with tempfile.TemporaryDirectory(prefix="bearings-") as name:
        root = Path(name)
        shutil.copytree(PROJECT / "core", root / "core", ignore=_LEFT_HERE)
        if carried is not None:
            shutil.copytree(carried, root / CARRIED, ignore=_LEFT_HERE)
        size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
        if size > MOST_BYTES:
            raise ConfigError(
                f"{carried} would have to travel to the cluster and is too large "
                f"({size / 2**20:.0f} MiB, at most {MOST_BYTES // 2**20}): put the run folder on "
                "storage that both sides see"
            )
        yield root
