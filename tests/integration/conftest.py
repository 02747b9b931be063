"""What the tests of the core share."""

import pytest

from tests.integration.world import World
from workers.runtime import Runtime


@pytest.fixture
def world(runtime: Runtime) -> World:
    """An empty database, and the means to fill it."""
    return World(runtime)
