"""One campus for all tests of the room: building a world takes seconds, so it is shared."""

import os

import pytest

from core.demo.world import World, build_world

os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def world() -> World:
    return build_world(3)
