from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def photo_files(shared_campus: Path) -> list[Path]:
    return sorted((shared_campus / "images").iterdir())
