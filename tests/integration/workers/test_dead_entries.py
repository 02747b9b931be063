"""An entry that ends its readers is set aside; the others go on, and an absent server is no end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError

from config.settings import LeaseSettings, Settings
from pipeline.producer import Producer
from tests.integration.world import World, numbers
from workers.intake import ENTRIES, GROUP, MOST_READINGS, STREAM, IntakeReader
from workers.reports.dead_letters import dead_letters, retry
from workers.runtime import Runtime

WaitFor = Callable[..., None]

PHONES = numbers(ENTRIES)


class KilledError(BaseException):
    """Stands for the end of the process."""


class DiesOf(Runtime):
    """A process that ends when it has written the rows of one person."""

    phone = ""

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        with super().transaction() as connection:
            yield connection
            found = connection.exec_driver_sql(
                "SELECT 1 FROM messages m JOIN contacts c ON c.id = m.contact_id WHERE phone = %s",
                (self.phone,),
            )
            if found.first():
                raise KilledError


class LosesDatabase(Runtime):
    """A process whose database goes away once it has looked whether to read."""

    looked = False

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        if self.looked:
            raise OperationalError("SELECT 1", {}, ConnectionError())
        self.looked = True
        with super().transaction() as connection:
            yield connection


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    leases = LeaseSettings(stream_seconds=1)
    return Settings(_env_file=None, home=tmp_path, leases=leases)  # type: ignore[call-arg]


def _abandon(world: World) -> None:
    """So much time passes that everybody's entries are taken for abandoned."""
    client: Any = world.runtime.redis
    for entry in client.xpending_range(STREAM, GROUP, "-", "+", 100):
        count = entry["times_delivered"]
        found = [entry["message_id"]]
        client.xclaim(STREAM, GROUP, "nobody", 0, found, idle=60_000, retrycount=count, justid=True)


def _enqueue(world: World) -> None:
    world.campaign()
    for phone in PHONES:  # each an entry of its own
        Producer(world.runtime.redis).send("us", [{"to": phone}])


@pytest.mark.usefixtures("still", "belt")
def test_the_entry_to_blame_is_set_aside_and_the_others_go_on(
    world: World, settings: Settings
) -> None:
    _enqueue(world)
    dies = DiesOf(settings, world.runtime.servers, "test")
    dies.phone = PHONES[3]
    dies.clock = world.runtime.clock
    killed = 0
    for _ in range(40):
        reader = IntakeReader(dies)  # another process each time
        reader._ensure_group()  # noqa: SLF001 - as `run` does first
        try:
            reader.step(block_ms=1)
        except KilledError:
            killed += 1
        _abandon(world)
    dies.close()

    assert killed == MOST_READINGS
    (letter,) = dead_letters(world.runtime.redis)
    assert (letter.reason, letter.campaign) == ("set_aside", "us")
    rows = world.query("SELECT c.phone FROM messages m JOIN contacts c ON c.id = m.contact_id")
    assert {row.phone for row in rows} == {*PHONES} - {PHONES[3]}
    assert world.runtime.redis.xlen(STREAM) == 0

    assert retry(world.runtime.redis, letter.id)
    IntakeReader(world.runtime).step(block_ms=1)
    assert len(world.states()) == ENTRIES


@pytest.mark.usefixtures("still", "belt")
def test_an_entry_is_not_blamed_for_an_absent_database(
    world: World, settings: Settings, wait_for: WaitFor
) -> None:
    _enqueue(world)
    most = 0
    for _ in range(3 * MOST_READINGS):
        away = LosesDatabase(settings, world.runtime.servers, "test")
        rounds = iter([True, True, False, False])
        IntakeReader(away, rounds.__next__).run()
        away.close()
        client: Any = world.runtime.redis
        pending = client.xpending_range(STREAM, GROUP, "-", "+", 100)
        most = max(most, *(entry["times_delivered"] for entry in pending))
        _abandon(world)
    assert most == 1

    reader = IntakeReader(world.runtime)
    wait_for(lambda: not reader.step(block_ms=1) and len(world.states()) == ENTRIES, what="all")
    assert list(dead_letters(world.runtime.redis)) == []
