"""A message that ends whoever takes it up is set aside; the rest of its chunk goes on."""

import json
import subprocess
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import psutil
import pytest
from structlog.testing import capture_logs

from pipeline.policy.vocabulary import MessageState, Stage
from pipeline.store import claims, recovery
from pipeline.store.recovery import MOST_TRIES
from tests.integration.workers.conftest import Belt
from tests.integration.world import NOW, World, numbers
from workers.clock import machine_now
from workers.dispatch import Dispatcher
from workers.doubt_watch import DoubtWatch
from workers.stack.roles import recado_role, worker_role

Start = Callable[..., "subprocess.Popen[str]"]
Recado = Callable[..., "subprocess.CompletedProcess[str]"]
WaitFor = Callable[..., None]

SECOND = timedelta(seconds=1)


def _lapse(world: World) -> None:
    """So much time passes that every lease has run out."""
    world.execute("UPDATE messages SET lease_until = :past", past=machine_now() - SECOND)


def _round(world: World) -> None:
    Dispatcher(world.runtime).round()


def _unstaged(world: World, count: int, state: MessageState) -> list[int]:
    people = world.contacts(numbers(count))
    past = machine_now() - SECOND
    return world.messages(world.campaign(), people, state, lease_until=past)


def _take_up(world: World, ids: list[int], state: MessageState) -> list[int]:
    """What a worker does first with a watched chunk."""
    with world.runtime.transaction() as connection:
        return recovery.take_up(connection, ids, state=state)


@pytest.mark.usefixtures("still")
@pytest.mark.parametrize(
    ("state", "stage"),
    [(MessageState.ACCEPTED, Stage.CONSENT), (MessageState.CONSENTED, Stage.WINDOW)],
)
def test_the_one_to_blame_is_isolated_and_set_aside(
    world: World, belt: Belt, state: MessageState, stage: Stage
) -> None:
    ids = _unstaged(world, 120, state)
    killer = ids[70]
    sizes = []
    for _ in range(MOST_TRIES - 1):
        _round(world)
        chunks = belt.take(stage)
        sizes.append(sorted({len(chunk) for chunk in chunks}, reverse=True))
        for chunk in chunks:
            assert _take_up(world, chunk, state) == chunk
            if killer not in chunk:
                world.execute(
                    "UPDATE messages SET state = 'blocked', lease_until = NULL, tries = 0 "
                    "WHERE id = ANY(:ids)",
                    ids=chunk,
                )
        world.execute(
            "UPDATE messages SET lease_until = :past WHERE lease_until IS NOT NULL",
            past=machine_now() - SECOND,
        )
    assert sizes == [[120], [50, 20], [1], [1]]
    assert Counter(world.states().values()) == {"blocked": 119, state: 1}

    with capture_logs() as logs:
        _round(world)

    row = world.row(killer)
    assert (row.state, row.reason, row.lease_until) == ("failed", "set_aside", None)
    assert world.decisions(killer) == [("dispatch", "failed", "set_aside")]
    assert belt.take(stage) == []
    (told,) = (entry for entry in logs if entry["event"] == "messages_set_aside")
    assert told["messages"] == [killer]


@pytest.mark.usefixtures("still")
def test_what_nobody_takes_up_is_never_blamed(world: World, belt: Belt) -> None:
    ids = _unstaged(world, 3, MessageState.ACCEPTED)
    for _ in range(3 * MOST_TRIES):
        _round(world)
        assert belt.take(Stage.CONSENT) == [ids]
        _lapse(world)
    assert {world.row(id_).tries for id_ in ids} == {1}


@pytest.mark.usefixtures("still")
def test_an_older_copy_of_a_chunk_blames_nobody_again(world: World, belt: Belt) -> None:
    """A lease runs out while a chunk still waits: the queue then holds it twice."""
    ids = _unstaged(world, 60, MessageState.ACCEPTED)
    _round(world)
    _lapse(world)
    _round(world)
    copy, other = belt.take(Stage.CONSENT)
    assert copy == other == ids

    assert _take_up(world, copy, MessageState.ACCEPTED) == ids
    for _ in range(3):
        assert _take_up(world, other, MessageState.ACCEPTED) == []
    assert {world.row(id_).tries for id_ in ids} == {2}
    assert _take_up(world, ids[:50], MessageState.ACCEPTED) == ids[:50]
    assert _take_up(world, ids[:50], MessageState.ACCEPTED) == []
    assert _take_up(world, ids[:1], MessageState.ACCEPTED) == ids[:1]


@pytest.mark.usefixtures("still")
def test_a_ready_message_that_ends_its_courier_is_isolated_and_set_aside(
    world: World, belt: Belt
) -> None:
    sender = world.sender()
    people = world.contacts(numbers(60))
    ids = world.messages(world.campaign(), people, MessageState.READY, sender_id=sender.id)
    killer = ids[55]
    sizes = []
    for handed in range(MOST_TRIES):
        _round(world)
        chunks = belt.take(Stage.THROTTLE)
        sizes.append([len(chunk) for chunk in chunks])
        for chunk in chunks:
            if handed:  # the first time nobody watches
                assert _take_up(world, chunk, MessageState.READY) == chunk
            if killer not in chunk:
                assert world.claim(chunk) == chunk
        world.execute(
            "UPDATE messages SET lease_until = :past WHERE state = 'ready'",
            past=machine_now() - SECOND,
        )
        _round(world)
        assert belt.take(Stage.THROTTLE) == []
    assert sizes == [[60], [60], [50, 10], [1] * 10, [1]]
    assert Counter(world.states().values()) == {"sending": 59, "failed": 1}
    assert world.row(killer).reason == "set_aside"


@pytest.mark.usefixtures("still")
def test_what_is_given_back_or_rests_is_not_blamed(world: World, belt: Belt) -> None:
    sender = world.sender()
    people = world.contacts(numbers(2))
    ids = world.messages(world.campaign(), people, MessageState.READY, sender_id=sender.id)
    for _ in range(2 * MOST_TRIES):
        _round(world)
        assert belt.take(Stage.THROTTLE) == [ids]
        with world.runtime.transaction() as connection:
            claims.give_back(connection, ids)
    assert {world.row(id_).tries for id_ in ids} == {0}

    # A provider's refusal leaves them ready with a pause: its end is no blame either.
    past = machine_now() - SECOND
    for _ in range(2 * MOST_TRIES):
        world.execute("UPDATE messages SET lease_until = :past", past=past)
        with world.runtime.transaction() as connection:
            recovery.recover(
                connection,
                now=past,
                machine_now=machine_now(),
                unstaged_before=past,
                lease=past,
                most=10,
            )
    assert {(world.row(id_).state, world.row(id_).tries) for id_ in ids} == {("ready", 0)}


@pytest.mark.usefixtures("still")
def test_the_alarm_is_raised_when_there_are_more_and_not_again(world: World) -> None:
    watch = DoubtWatch(world.runtime, every_seconds=0.0)
    people, campaign = world.contacts(numbers(3)), world.campaign()

    def told() -> list[tuple[str, int]]:
        with capture_logs() as logs:
            watch.watch()
        return [(entry["event"], entry["messages"]) for entry in logs]

    assert told() == []
    world.messages(campaign, people[:2], MessageState.IN_DOUBT, in_doubt_at=NOW)
    assert told() == [("doubts_grow", 2)]
    assert told() == []
    # A worker of an older version leaves the count alone: its refusals are not set aside.
    (refused, aside) = world.messages(campaign, world.contacts(numbers(5))[3:], MessageState.FAILED)
    world.execute("UPDATE messages SET tries = 1 WHERE id = :id", id=refused)
    assert told() == []
    world.execute(
        "UPDATE messages SET tries = :tries, reason = 'set_aside' WHERE id = :id",
        tries=MOST_TRIES,
        id=aside,
    )
    assert told() == [("set_aside_grows", 1)]


@pytest.mark.usefixtures("still")
def test_what_was_set_aside_can_be_dropped(world: World, recado: Recado) -> None:
    people, campaign = world.contacts(numbers(2)), world.campaign()
    aside, failed = (
        world.messages(campaign, [person], MessageState.FAILED, tries=tries, reason=reason)[0]
        for person, tries, reason in zip(people, (5, 0), ("set_aside", None), strict=True)
    )
    assert recado("dead", "retry", str(failed)).returncode == 1, "its provider refused it"
    assert recado("dead", "drop", str(aside), "--by", "ana").stdout == "1 dropped\n"
    assert recado("dead", "drop", str(aside)).returncode == 1
    assert recado("dead", "list").stdout == "0 in all\n"
    row = world.row(aside)
    assert (row.state, row.reason) == ("failed", "set_aside")
    (noted,) = world.query("SELECT detail FROM decisions WHERE message_id = :id", id=aside)
    assert noted.detail["actor"] == "ana"


HANGS = """
    CREATE FUNCTION hang() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_sleep(50);
        RETURN NEW;
    END
    $$;
    CREATE TRIGGER hangs BEFORE UPDATE ON messages FOR EACH ROW
    WHEN (OLD.id = {id} AND OLD.state = 'accepted' AND NEW.state IN ('consented', 'blocked'))
    EXECUTE FUNCTION hang();
    ALTER DATABASE {database} SET client_connection_check_interval = '50ms';
"""
"""Whoever decides about one message stays there long enough to be killed with it in hand."""

HANGING = """
    SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'
"""


def test_a_chunk_whose_worker_is_killed_comes_back_without_the_culprit(
    world: World, start: Start, recado: Recado, wait_for: WaitFor
) -> None:
    ids = _unstaged(world, 120, MessageState.ACCEPTED)  # nobody has consented: all are blocked
    killer = ids[70]
    (database,) = world.query("SELECT current_database() AS name")
    world.execute(HANGS.format(id=killer, database=database.name))
    stages = worker_role("bulk", (Stage.CONSENT, Stage.WINDOW, Stage.THROTTLE), processes=1)
    bulk, _ = (
        start(*role.command[3:], module=role.command[2], env={"RECADO_LEASES__QUEUE_SECONDS": "1"})
        for role in (stages, recado_role("dispatch"))
    )
    killed = 0

    def ended() -> bool:
        """Kill the worker's child whenever it has the culprit in hand; whether that is over."""
        nonlocal killed
        if world.query(HANGING):
            for child in psutil.Process(bulk.pid).children():
                child.kill()
            killed += 1
            wait_for(lambda: not world.query(HANGING), what="its locks' end")
        return bool(world.row(killer).state == "failed")

    wait_for(ended, timeout=150, what="its end")
    assert killed == MOST_TRIES - 1
    others = [id_ for id_ in ids if id_ != killer]
    wait_for(lambda: {*world.states(others).values()} == {"blocked"}, what="the others' end")

    (dead,) = json.loads(recado("dead", "list", "--json").stdout)
    assert (dead["kind"], dead["id"], dead["before"]) == ("message", killer, "accepted")
    assert dead["tries"] == MOST_TRIES
    assert "set aside      1\n" in recado("status").stdout

    world.execute("DROP TRIGGER hangs ON messages")
    assert recado("dead", "retry", str(killer)).stdout == "1 retried\n"
    wait_for(lambda: world.row(killer).state == "blocked", what="its decision")
    assert json.loads(recado("dead", "list", "--json").stdout) == []
