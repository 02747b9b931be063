"""PostgreSQL: restarted, its connections cut, a deadlock, a full disk."""

import threading
from collections.abc import Callable

from psycopg.errors import DeadlockDetected
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from benchmarks.faults.scenario import Breaker, Scenario

_CUT = text(
    """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
    """
)
_SOME = text(
    """
    SELECT id FROM messages WHERE state IN ('ready', 'sending') AND id % 7 = :rest
    ORDER BY id {order} LIMIT 200 FOR UPDATE
    """.replace("{order}", "")
)
_BACKWARDS = text(
    """
    SELECT id FROM messages WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id DESC FOR UPDATE
    """
)
_PEOPLE = text("SELECT contact_id FROM frequency_use ORDER BY contact_id DESC FOR UPDATE")


def _restarted(breaker: Breaker) -> None:
    breaker.sometime()
    breaker.note("crash PostgreSQL")
    breaker.scene.servers.crash_postgres()
    breaker.scene.pause(breaker.chance.uniform(0.2, 2.0))
    breaker.scene.servers.acquire()


def _cut(breaker: Breaker) -> None:
    for _ in range(3):
        breaker.sometime(0.02, 0.3)
        breaker.note("cut PostgreSQL's connections")
        with breaker.scene.runtime.transaction() as connection:
            connection.execute(_CUT)
        breaker.scene.pause(breaker.chance.uniform(0.2, 1.0))


def _deadlock(breaker: Breaker) -> None:
    """Somebody from outside locks what claims and records lock, the other way round."""
    breaker.sometime(0.05, 0.3)
    for rest in range(5):
        breaker.note("lock rows in the wrong order")
        for lock in (
            _lock_messages_then_people(breaker, rest),
            _lock_people_then_messages(breaker),
        ):
            thread = threading.Thread(target=_surviving(lock), daemon=True)
            thread.start()
            breaker.scene.wait(lambda thread=thread: not thread.is_alive(), seconds=10.0)  # type: ignore[misc]


def _lock_messages_then_people(breaker: Breaker, rest: int) -> Callable[[], None]:
    def lock() -> None:
        with breaker.scene.runtime.transaction() as connection:
            ids = list(connection.execute(_SOME, {"rest": rest}).scalars())
            connection.execute(_PEOPLE)
            connection.execute(_BACKWARDS, {"ids": ids})

    return lock


def _lock_people_then_messages(breaker: Breaker) -> Callable[[], None]:
    def lock() -> None:
        with breaker.scene.runtime.transaction() as connection:
            connection.execute(_PEOPLE)
            connection.execute(_SOME, {"rest": breaker.chance.randrange(7)})

    return lock


def _surviving(lock: Callable[[], None]) -> Callable[[], None]:
    """A deadlock ends one of its parties: it may be this one."""

    def attempt() -> None:
        try:
            lock()
        except (DBAPIError, OperationalError) as error:
            if not isinstance(error.orig, DeadlockDetected):
                raise

    return attempt


def _disk_full(breaker: Breaker) -> None:
    """PostgreSQL cannot write its log and ends; Redis refuses writes. Room comes back later."""
    breaker.sometime(0.05, 0.4)
    servers = breaker.scene.servers
    breaker.note("fill the servers' disk")
    with servers.full_disk():
        breaker.scene.pause(breaker.chance.uniform(1.0, 3.0))
    url = breaker.scene.runtime.servers.database_url
    if not breaker.scene.wait(lambda: servers.is_up(url), seconds=5.0):
        servers.acquire()


SCENARIOS = (
    Scenario(
        name="postgresql-restarted",
        breaks="PostgreSQL is stopped at once, without a checkpoint, and comes back",
        act=_restarted,
    ),
    Scenario(name="postgresql-cut", breaks="every connection to PostgreSQL is cut", act=_cut),
    Scenario(
        name="postgresql-deadlock",
        breaks="somebody else locks rows in the wrong order, and transactions meet in a circle",
        act=_deadlock,
        may_doubt=False,
    ),
    Scenario(
        name="disk-full",
        breaks="the disk of PostgreSQL and Redis is full for a while",
        act=_disk_full,
        needs_disk=True,
        resend=True,
    ),
)
