"""What the tests of the core share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.smpp.smsc import NoSmscError, Smsc, installed_modules
from tests.integration.world import World
from workers.runtime import Runtime


@pytest.fixture
def world(runtime: Runtime) -> World:
    """An empty database, and the means to fill it."""
    return World(runtime)


@pytest.fixture(scope="session")
def smsc_modules(request: pytest.FixtureRequest) -> Path:
    """The SMSC of the tests, installed; without it they are skipped, or fail if it is required."""
    try:
        return installed_modules()
    except NoSmscError as error:
        if request.config.getoption("--require-smsc"):
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def session_smsc(smsc_modules: Path) -> Iterator[Smsc]:
    with Smsc(smsc_modules) as smsc:
        yield smsc


@pytest.fixture
def smsc(session_smsc: Smsc) -> Iterator[Smsc]:
    """An SMSC that behaves, and remembers nothing of other tests."""
    session_smsc.reset()
    yield session_smsc
    session_smsc.drop()
