"""Redis dies before the reply and comes back empty: the answer follows."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.store.engine import create_store_engine
from pipeline.store.schema import upgrade
from tests.faults.test_servers_away import OwnServers
from tests.integration.workers.lane.conftest import DISPATCHER, Scene
from tests.integration.world import numbers
from workers.servers import Servers


@pytest.fixture
def own() -> Iterator[OwnServers]:
    # Short on purpose: the path of a Unix socket may have 107 characters.
    home = Path(tempfile.mkdtemp(prefix="recado-lane-"))
    found = OwnServers(home / "home")
    yield found
    found.release()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def servers(own: OwnServers) -> Servers:
    """In place of the session's: every other fixture works with these."""
    addresses = own.acquire()
    engine = create_store_engine(addresses.database_url)
    upgrade(engine)
    engine.dispose()
    return addresses


def test_a_reply_that_comes_while_redis_is_away_is_answered_when_it_is_back(
    lane: Scene, own: OwnServers
) -> None:
    lane.worker()
    lane.start(DISPATCHER)
    first, second = numbers(2)
    lane.tell(lane.repliers.say(first))
    lane.wait_for_notices("sent")

    start_again = own.kill_valkey()
    stop = lane.repliers.say(second)
    own.wipe_valkey()
    start_again()

    lane.wait_for_notices("sent", 2, timeout=60)
    lane.wait_until_handled(stop)
    assert [entry["to"] for entry in lane.taken()] == [first, second]
