"""The intake reader over a real stream: nothing is acknowledged before it is committed."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Connection

from config.settings import LeaseSettings, Settings
from pipeline.policy.vocabulary import Stage
from pipeline.producer import Producer
from pipeline.stages.intake import MAX_BYTES, SCHEMA
from tests.integration.workers.conftest import Belt
from tests.integration.world import World, numbers
from workers.intake import GROUP, STREAM, IntakeReader
from workers.reports.dead_letters import dead_letters
from workers.runtime import Runtime

WaitFor = Callable[..., None]


class KilledError(BaseException):
    """Stands for the end of the process."""


class DiesBeforeCommit(Runtime):
    """A process that ends when its rows are written and not committed."""

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        with super().transaction() as connection:
            yield connection
            raise KilledError


class DiesAfterCommit(Runtime):
    """A process that ends when its rows are committed and not acknowledged."""

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        with super().transaction() as connection:
            yield connection
        raise KilledError


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    leases = LeaseSettings(stream_seconds=1)
    return Settings(_env_file=None, home=tmp_path, leases=leases)  # type: ignore[call-arg]


def _pending(runtime: Runtime) -> int:
    found: Any = runtime.redis.xpending(STREAM, GROUP)
    return int(found["pending"])


def _read(runtime: Runtime) -> int:
    """Read as a process that has just started does; say how many entries came."""
    reader = IntakeReader(runtime)
    reader.step(block_ms=1)  # makes the group when there is none
    return reader.step(block_ms=1)


def test_rows_are_committed_acknowledged_and_enqueued(
    world: World, runtime: Runtime, belt: Belt
) -> None:
    world.campaign()
    reader = IntakeReader(runtime)
    reader.step(block_ms=1)
    Producer(runtime.redis).send("us", ({"to": phone} for phone in numbers(5)))

    assert reader.step(block_ms=1) == 1

    assert belt.ids(Stage.CONSENT) == sorted(world.states())
    assert len(world.states()) == 5
    assert _pending(runtime) == 0
    assert runtime.redis.xlen(STREAM) == 0


@pytest.mark.parametrize(("kind", "rows_left"), [(DiesBeforeCommit, 0), (DiesAfterCommit, 5)])
def test_what_a_reader_that_died_had_is_taken_over_by_another(
    world: World,
    settings: Settings,
    belt: Belt,
    wait_for: WaitFor,
    kind: type[Runtime],
    rows_left: int,
) -> None:
    servers = world.runtime.servers
    world.campaign()
    Producer(belt.client).send("us", ({"to": phone} for phone in numbers(5)))
    dying = kind(settings, servers, "dying")
    with pytest.raises(KilledError):
        _read(dying)
    dying.close()
    assert _pending(world.runtime) == 1
    assert len(world.states()) == rows_left

    other = Runtime(settings, servers, "other")
    reader = IntakeReader(other)
    assert reader.step(block_ms=1) == 0  # it may be alive still
    wait_for(lambda: reader.step(block_ms=1), timeout=5, what="the abandoned entry")
    other.close()

    assert sorted(world.states().values()) == ["accepted"] * 5
    assert _pending(world.runtime) == 0
    assert belt.client.xlen(STREAM) == 0
    assert len(belt.ids(Stage.CONSENT)) == 5 - rows_left  # the others' lease is running


def test_useless_entries_are_buried_with_their_reason_and_good_ones_go_on(
    world: World, runtime: Runtime, belt: Belt
) -> None:
    world.campaign()
    reader = IntakeReader(runtime)
    reader.step(block_ms=1)
    first, second = numbers(2)
    good = [json.dumps([{"to": phone}]).encode() for phone in (first, second)]
    entries: list[tuple[bytes, bytes, bytes]] = [
        (SCHEMA.encode(), b"us", good[0]),
        (b"recado.intake/9", b"us", good[0]),
        (SCHEMA.encode(), b"nobody", good[0]),
        (SCHEMA.encode(), b"a\0b", good[0]),
        (SCHEMA.encode(), b"us", b"{"),
        (SCHEMA.encode(), b"us", b" " * (MAX_BYTES + 1)),
        (SCHEMA.encode(), b"us", good[1]),
    ]
    added: list[Any] = [
        belt.client.xadd(STREAM, {"schema": schema, "campaign": campaign, "messages": body})
        for schema, campaign, body in entries
    ]

    assert reader.step(block_ms=1) == len(entries)

    assert sorted(world.states().values()) == ["accepted"] * 2
    letters = {letter.entry: letter.reason for letter in dead_letters(belt.client)}
    assert letters == {
        added[1].decode(): "unknown_schema",
        added[2].decode(): "unknown_campaign",
        added[3].decode(): "unknown_campaign",
        added[4].decode(): "not_json",
        added[5].decode(): "too_large",
    }
    assert _pending(runtime) == 0
    assert belt.client.xlen(STREAM) == 0


def test_a_reader_goes_on_when_redis_has_lost_its_data(
    world: World, runtime: Runtime, belt: Belt
) -> None:
    world.campaign()
    reader = IntakeReader(runtime)
    reader.step(block_ms=1)
    belt.client.flushdb()
    Producer(belt.client).send("us", [{"to": numbers(1)[0]}])

    # The first step may only find that its group is gone.
    assert sum(reader.step(block_ms=1) for _ in range(2)) == 1

    assert list(world.states().values()) == ["accepted"]
