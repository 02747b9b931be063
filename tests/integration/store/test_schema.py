"""The migrations: once, from anybody, and to exactly the tables that the code knows."""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.engine import Engine

import pipeline.store.count_tables
import pipeline.store.inbound_tables
import pipeline.store.provider_tables
import pipeline.store.rule_tables  # noqa: F401 - their tables belong to the metadata
from pipeline.store import migrations
from pipeline.store.engine import create_store_engine
from pipeline.store.large_tables import is_no_partition
from pipeline.store.schema import current_revision, newest_revision, upgrade
from pipeline.store.tables import metadata
from workers.servers import Servers

RACERS = 6

CATALOGUE = {
    "columns": """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
               a.attidentity, pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
          AND a.attnum > 0 AND NOT a.attisdropped""",
    "tables": """
        SELECT relname, relpersistence, relkind, reloptions, pg_get_partkeydef(oid),
               pg_get_expr(relpartbound, oid), obj_description(oid, 'pg_class')
        FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    "indexes": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "enumerations": """
        SELECT t.typname, array_agg(e.enumlabel ORDER BY e.enumsortorder)
        FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid GROUP BY 1""",
}
"""What makes up a schema; each query's rows in an order of their own."""


OLD_ROWS = """
INSERT INTO contacts (id, phone, country, region, zones, created_at)
OVERRIDING SYSTEM VALUE VALUES (1, '+12125550123', 'US', 'US', '{America/New_York}', now());
INSERT INTO frequency_use VALUES (1, 'acme', 'marketing', ARRAY[now()], 3, now());
INSERT INTO consent_events (contact_id, business, kind, category, channel, topics,
                            occurred_at, recorded_at, evidence, fingerprint, previous_hash, hash)
VALUES (1, 'acme', 'granted', 'marketing', '*', '{*}', now(), now(), '{}', 'f', 'p', 'hash');
INSERT INTO senders (code, business, country, channel, address, provider, rate_per_second, tier,
                     state, updated_at)
VALUES ('us', 'acme', 'US', 'sms', '+1', 'sandbox', 1, 'new', 'active', now());
INSERT INTO messages (campaign_id, key, state, created_at)
VALUES (1, 'a', 'ready', now()), (1, 'b', 'sent', now());
INSERT INTO decisions (message_id, decided_at, stage, outcome)
VALUES (1, '2024-02-29T23:00Z', 'intake', 'send'), (2, '2026-01-31T23:59Z', 'delivery', 'sent');
"""
"""What an older version may have left, in the tables that upgrades change."""


@pytest.fixture
def engine(unmigrated: Servers) -> Iterator[Engine]:
    """An engine on an empty database."""
    created = create_store_engine(unmigrated.database_url)
    yield created
    created.dispose()


def _catalogue(engine: Engine) -> dict[str, list[str]]:
    """Everything in the schema but Alembic's own table."""
    with engine.connect() as connection:
        return {
            name: sorted(
                repr(tuple(row))
                for row in connection.execute(text(query))
                if "alembic_version" not in str(row)
            )
            for name, query in CATALOGUE.items()
        }


def _fill_old_database(engine: Engine, *later: str) -> None:
    """A database as revision 0002 had it, with rows; then taken to later revisions, in turn."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        connection.exec_driver_sql(OLD_ROWS)
        connection.commit()
        for revision in later:
            command.upgrade(config, revision)
            connection.commit()


def _difference(engine: Engine) -> list[Any]:
    """What a new migration would have to change."""
    with engine.connect() as connection:
        options = {"compare_server_default": True, "include_name": is_no_partition}
        context = MigrationContext.configure(connection, opts=options)
        found: list[Any] = compare_metadata(context, metadata)
        return found


def _race(
    url: str, start: Barrier, outcomes: "SimpleQueue[tuple[str | None, str] | BaseException]"
) -> None:
    engine = create_store_engine(url)
    try:
        start.wait(60)
        outcomes.put(upgrade(engine))
    except BaseException as error:  # noqa: BLE001 - the test shows it, whatever it is
        outcomes.put(RuntimeError(repr(error)))
    finally:
        engine.dispose()


def test_a_second_upgrade_changes_nothing(engine: Engine) -> None:
    assert upgrade(engine) == (None, newest_revision())
    first = _catalogue(engine)
    assert all(first.values()), "a part of the catalogue was not read"

    assert upgrade(engine) == (newest_revision(), newest_revision())
    assert _catalogue(engine) == first


def test_processes_that_upgrade_one_empty_database_at_once_all_succeed(
    unmigrated: Servers, engine: Engine
) -> None:
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(RACERS)
    outcomes: SimpleQueue[tuple[str | None, str] | BaseException] = context.SimpleQueue()
    racers = [
        context.Process(target=_race, args=(unmigrated.database_url, start, outcomes))
        for _ in range(RACERS)
    ]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(60)
    assert [racer.exitcode for racer in racers] == [0] * RACERS

    found = [outcomes.get() for _ in racers]
    newest = newest_revision()
    assert sorted(found, key=str) == [*[(newest, newest)] * (RACERS - 1), (None, newest)]
    with engine.connect() as connection:
        assert current_revision(connection) == newest
    assert _difference(engine) == []


def test_an_upgrade_keeps_what_there_is_and_has_ready_messages_decided_again(
    engine: Engine,
) -> None:
    _fill_old_database(engine)

    assert upgrade(engine) == ("0002", newest_revision())

    with engine.connect() as connection:
        (use,) = connection.execute(text("SELECT * FROM frequency_use"))
        (event,) = connection.execute(text("SELECT * FROM consent_events"))
        (ledger,) = connection.execute(text("SELECT * FROM consent_ledger"))
        (sender,) = connection.execute(text("SELECT * FROM senders"))
        ready, sent = connection.execute(text("SELECT * FROM messages ORDER BY id"))
    assert (len(use.sent), use.caps, use.caps_since) == (1, [], [])
    assert (event.version, event.granted_at) == (1, None)
    assert (ledger.events, bytes(ledger.hash)) == (1, b"hash")
    assert (sender.official, sender.region, sender.safeguard) == (True, None, None)
    assert (ready.look_again_at, sent.look_again_at) == (ready.created_at, None)


def test_an_upgrade_makes_the_decisions_that_there_are_one_partition(engine: Engine) -> None:
    _fill_old_database(engine)
    upgrade(engine)

    later = text(
        "INSERT INTO decisions (message_id, decided_at, stage, outcome) "
        "VALUES (1, '2026-01-01T00:00Z', 'intake', 'send'), "
        "(1, '2026-02-01T00:00Z', 'intake', 'send'), (1, '1999-01-01T00:00Z', 'intake', 'send')"
    )
    where = text(
        "SELECT tableoid::regclass::text AS part, count(*) AS rows FROM decisions GROUP BY 1"
    )
    with engine.begin() as connection:
        connection.execute(later)
        found = {row.part: row.rows for row in connection.execute(where)}
    # The old rows' own months go where they are; what comes after them does not.
    assert found == {"decisions_before": 4, "decisions_rest": 1}
    assert _difference(engine) == []


def test_the_migrations_make_the_tables_that_the_code_knows(
    servers: Servers, engine: Engine
) -> None:
    migrated = create_store_engine(servers.database_url)
    try:
        assert _difference(migrated) == []
        metadata.create_all(engine)
        assert _catalogue(migrated) == _catalogue(engine)
    finally:
        migrated.dispose()


def test_an_upgrade_lets_a_stage_that_runs_come_to_its_end(
    engine: Engine, wait_for: Callable[..., None]
) -> None:
    _fill_old_database(engine, "0004")

    def upgrade_waits() -> bool:
        with engine.connect() as watching:
            return bool(watching.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))

    with ThreadPoolExecutor(1) as aside, engine.begin() as stage:
        stage.execute(text("UPDATE messages SET state = state"))
        upgraded = aside.submit(upgrade, engine)
        wait_for(upgrade_waits, what="the upgrade, at a lock of the stage's")
        stage.execute(
            text(
                "INSERT INTO decisions (message_id, decided_at, stage, outcome) "
                "VALUES (1, now(), 'consent', 'send')"
            )
        )
        stage.commit()
        assert upgraded.result(60) == ("0004", newest_revision())
