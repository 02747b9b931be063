"""The ledger of consents: sound as it is written, and whoever tampers with it is found."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from pipeline.policy.consent import ConsentRecord
from pipeline.policy.vocabulary import Category, Channel
from pipeline.store import consent_chain, consents
from pipeline.store.consent_chain import FIRST_HASH
from pipeline.store.consents import ConsentEntry
from pipeline.store.ledger_links import BreakKind, LedgerBreak, Links, read_links
from pipeline.store.ledger_states import compare_states, find_missing_consents
from tests.integration.world import BUSINESS, CONSENT, NOW, World, numbers

DAY = timedelta(days=1)
CHANGED, REMOVED, INSERTED = BreakKind.CHANGED, BreakKind.REMOVED, BreakKind.INSERTED
REORDERED, CUT_OFF, STATE = BreakKind.REORDERED, BreakKind.CUT_OFF, BreakKind.STATE


@pytest.fixture
def ledger(world: World) -> World:
    """Seven events about three people: grants, confirmations, a renewal and a revocation."""
    ana, bruno, carla = world.contacts(numbers(3))
    world.consent([ana], topics=frozenset({"offers", "news"}), channel=Channel.SMS)
    world.consent([bruno], renewed_at=NOW - DAY)
    world.consent([carla], confirmed_at=None)
    with world.runtime.transaction() as connection:
        consents.record(connection, [_leaving(bruno)], now=NOW)
    assert [row.id for row in world.query("SELECT id FROM consent_events ORDER BY id")] == [
        *range(1, 8)
    ]
    return world


def _leaving(person: int) -> ConsentEntry:
    record = ConsentRecord(business=BUSINESS, category=Category.MARKETING, revoked_at=NOW)
    return ConsentEntry(contact_id=person, record=record)


def _breaks(connection: Connection, *, expected: bytes | None = None) -> list[LedgerBreak]:
    return [
        *read_links(connection, expected=expected).breaks,
        *compare_states(connection).breaks,
        *find_missing_consents(connection),
    ]


@contextmanager
def _undone(world: World) -> Iterator[Connection]:
    """A transaction in which a superuser goes round the trigger, and of which nothing stays."""
    with world.runtime.engine.connect() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        yield connection
        connection.rollback()


def _links(world: World) -> Links:
    with world.runtime.transaction() as connection:
        return read_links(connection, expected=None)


def test_a_ledger_as_it_was_written_is_sound(ledger: World) -> None:
    with ledger.runtime.transaction() as connection:
        links = read_links(connection, expected=None)
        states = compare_states(connection)
        assert _breaks(connection, expected=links.head) == []
    (last,) = ledger.query("SELECT hash FROM consent_events ORDER BY id DESC LIMIT 1")
    assert (links.events, links.first_at, links.last_at) == (7, NOW, NOW)
    assert links.head == bytes(last.hash)
    assert (states.contacts, states.uncompared) == (3, 0)


def test_an_empty_ledger_is_sound(world: World) -> None:
    with world.runtime.transaction() as connection:
        assert _breaks(connection) == []
        assert read_links(connection, expected=None).head == FIRST_HASH


def test_the_same_consent_told_again_adds_nothing(ledger: World) -> None:
    before = ledger.query("SELECT * FROM consent_ledger")
    ledger.consent(ledger.contacts(numbers(3))[1:2], renewed_at=NOW - DAY)
    assert ledger.query("SELECT * FROM consent_ledger") == before


@pytest.mark.parametrize(
    "change",
    ["UPDATE {} SET kind = kind", "DELETE FROM {}", "TRUNCATE {}", "TRUNCATE contacts CASCADE"],
)
def test_the_database_itself_refuses_changes(ledger: World, change: str) -> None:
    with pytest.raises(IntegrityError, match="append-only"):
        ledger.execute(change.format("consent_events"))


# Column → what somebody makes of it.
FORGERIES = {
    "contact_id": "contact_id + CASE contact_id WHEN 1 THEN 1 ELSE -1 END",
    "business": "'other'",
    "kind": "CASE kind WHEN 'revoked' THEN 'renewed' ELSE 'revoked' END",
    "category": "'public_service'",
    "channel": "'whatsapp'",
    "topics": "'{shoes}'",
    "occurred_at": "occurred_at + interval '1 microsecond'",
    "granted_at": "coalesce(granted_at, now()) + interval '1 microsecond'",
    "recorded_at": "recorded_at - interval '1 microsecond'",
    "evidence": 'evidence || \'{"source": "forged"}\'',
    "fingerprint": "sha256(fingerprint)",
    "version": "3 - version",
    "previous_hash": "sha256(previous_hash)",
    "hash": "sha256(hash)",
}


def test_whatever_column_is_changed_the_event_is_named(ledger: World) -> None:
    for column, forgery in FORGERIES.items():
        for event in (1, 4, 7):
            with _undone(ledger) as connection:
                change = f"UPDATE consent_events SET {column} = {forgery} WHERE id = :id"  # noqa: S608 - words of this file
                assert connection.execute(text(change), {"id": event}).rowcount == 1
                breaks = read_links(connection, expected=None).breaks
            found = {(one.kind, one.event_id) for one in breaks}
            assert found == {(CHANGED, event)}, column


def test_every_column_is_tried(ledger: World) -> None:
    columns = {
        row.name
        for row in ledger.query(
            "SELECT column_name AS name FROM information_schema.columns "
            "WHERE table_name = 'consent_events'"
        )
    }
    assert columns == {"id", *FORGERIES}


CUTS: dict[str, tuple[str, list[tuple[BreakKind, int | None]]]] = {
    "the first": ("DELETE FROM consent_events WHERE id = 1", [(REMOVED, 2), (REMOVED, 7)]),
    "one in the middle": (
        "DELETE FROM consent_events WHERE id = 4",
        [(REMOVED, 5), (REMOVED, 7)],
    ),
    "several": (
        "DELETE FROM consent_events WHERE id IN (3, 5, 6)",
        [(REMOVED, 4), (REMOVED, 7), (REMOVED, 7)],
    ),
    "the last": ("DELETE FROM consent_events WHERE id = 7", [(CUT_OFF, 6)]),
    "all": ("DELETE FROM consent_events", [(CUT_OFF, None)]),
    "the ledger's own row": ("DELETE FROM consent_ledger", [(CUT_OFF, 7)]),
    "the count of events": ("UPDATE consent_ledger SET events = 6", [(INSERTED, 7)]),
    "the last hash": ("UPDATE consent_ledger SET hash = sha256(hash)", [(CHANGED, 7)]),
    "a number": ("UPDATE consent_events SET id = 99 WHERE id = 7", [(CHANGED, 99)]),
}


def test_what_is_missing_or_moved_is_named(ledger: World) -> None:
    for statement, expected in CUTS.values():
        with _undone(ledger) as connection:
            connection.execute(text(statement))
            breaks = read_links(connection, expected=None).breaks
        assert [(one.kind, one.event_id) for one in breaks] == expected, statement


def test_two_events_that_changed_places_are_named(ledger: World) -> None:
    with _undone(ledger) as connection:
        for statement in (
            "UPDATE consent_events SET id = -id WHERE id IN (3, 4)",
            "UPDATE consent_events SET id = 7 + id WHERE id < 0",
        ):
            connection.execute(text(statement))
        found = read_links(connection, expected=None).breaks
    assert [(one.kind, one.event_id) for one in found if one.kind is CHANGED] == [
        (CHANGED, 3),
        (CHANGED, 4),
    ]
    assert {one.kind for one in found} >= {REORDERED, INSERTED}


_COPY = """
    INSERT INTO consent_events (id, contact_id, business, kind, category, channel, topics,
                                occurred_at, granted_at, recorded_at, evidence, fingerprint,
                                version, previous_hash, hash)
    SELECT :id, contact_id, business, kind, category, channel, topics, occurred_at, granted_at,
           recorded_at, evidence, :fingerprint, 2, :previous, :hash
    FROM consent_events WHERE id = 3
"""


@pytest.mark.parametrize(("place", "after"), [(4, 3), (8, 7), (0, None)])
def test_an_event_that_was_put_in_is_found_though_it_is_chained(
    ledger: World, place: int, after: int | None
) -> None:
    with _undone(ledger) as connection:
        connection.execute(text("DELETE FROM consent_events WHERE id = :id"), {"id": place})
        found = connection.execute(
            text("SELECT hash FROM consent_events WHERE id = :id"), {"id": after}
        )
        previous = bytes(found.scalar() or FIRST_HASH)
        forged = bytes(range(32))
        values = {
            "id": place,
            "fingerprint": forged,
            "previous": previous,
            "hash": consent_chain.link(
                previous, forged, event_id=place, recorded_at=NOW, version=2
            ),
        }
        connection.execute(text(_COPY), values)
        breaks = read_links(connection, expected=None).breaks
    found_at = [(one.kind, one.event_id) for one in breaks]
    assert found_at[0] == (CHANGED, place)  # its fingerprint is nobody's
    follower = {4: (REMOVED, 5), 8: (INSERTED, 8), 0: (INSERTED, 0)}[place]
    assert follower in found_at


def test_only_a_hash_that_was_written_down_finds_a_ledger_written_anew(ledger: World) -> None:
    noted = _links(ledger).head
    with _undone(ledger) as connection:
        for table in ("consent_events", "consents", "consent_ledger"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - names of this file
        person = ledger.contacts(numbers(1))[0]
        record = replace(CONSENT, text="Another text.")
        consents.record(connection, [ConsentEntry(contact_id=person, record=record)], now=NOW)
        assert _breaks(connection) == []
        (found,) = _breaks(connection, expected=noted)
    assert (found.kind, found.event_id) == (BreakKind.UNEXPECTED, None)


def test_the_hash_that_was_written_down_is_found_again(ledger: World) -> None:
    noted = _links(ledger).head
    ledger.consent(ledger.contacts(numbers(4))[3:])
    with ledger.runtime.transaction() as connection:
        links = read_links(connection, expected=noted)
    assert (links.expected_at, links.events, links.breaks) == (7, 9, [])


def test_what_is_written_after_a_cut_does_not_hide_it(ledger: World) -> None:
    with _undone(ledger) as connection:
        connection.execute(text("DELETE FROM consent_events WHERE id = 7"))
        entry = ConsentEntry(contact_id=1, record=replace(CONSENT, granted_at=NOW))
        consents.record(connection, [entry], now=NOW)
        kinds = [one.kind for one in read_links(connection, expected=None).breaks]
    assert kinds == [REMOVED, REMOVED]


STATES = {
    "event_id": "event_id + 1",
    "granted_at": "granted_at + interval '1 microsecond'",
    "confirmed_at": "coalesce(confirmed_at, now()) + interval '1 microsecond'",
    "renewed_at": "now()",
    "revoked_at": "CASE WHEN revoked_at IS NULL THEN now() END",
    "evidence": 'evidence || \'{"ip": "203.0.113.99"}\'',
    "channel": "'whatsapp'",
    "topic": "'shoes'",
    "contact_id": "99",
    "business": "'other'",
}


def test_a_state_that_the_events_do_not_come_to_is_named(ledger: World) -> None:
    for column, forgery in STATES.items():
        with _undone(ledger) as connection:
            change = f"UPDATE consents SET {column} = {forgery} WHERE contact_id = 2"  # noqa: S608 - words of this file
            assert connection.execute(text(change)).rowcount == 1
            breaks = compare_states(connection).breaks
            assert read_links(connection, expected=None).breaks == []
        assert {one.kind for one in breaks} == {STATE}, column
        assert any("contact 2 " in one.problem for one in breaks), column


def test_a_state_that_is_missing_or_was_added_is_named(ledger: World) -> None:
    with _undone(ledger) as connection:
        connection.execute(text("DELETE FROM consents WHERE contact_id = 3"))
        (missing,) = compare_states(connection).breaks
    assert "is missing" in missing.problem
    with _undone(ledger) as connection:
        connection.execute(
            text("INSERT INTO consents SELECT 77, business, category, channel, topic, event_id, "
                 "granted_at, confirmed_at, renewed_at, NULL, evidence FROM consents LIMIT 1")
        )  # fmt: skip
        (added,) = compare_states(connection).breaks
    assert "no event tells of it" in added.problem


def test_a_decision_that_names_a_consent_which_is_gone_is_found(ledger: World) -> None:
    with _undone(ledger) as connection:
        connection.execute(
            text(
                "INSERT INTO decisions (message_id, decided_at, stage, outcome, detail) "
                """VALUES (1, :now, 'consent', 'send', '{"consent": 2}')"""
            ),
            {"now": NOW},
        )
        assert _breaks(connection) == []
        connection.execute(text("DELETE FROM consent_events WHERE id = 2"))
        (found,) = find_missing_consents(connection)
    assert (found.kind, found.event_id) == (BreakKind.DECISION, 2)


def test_what_the_first_version_wrote_still_holds(world: World) -> None:
    (person,) = world.contacts(numbers(1))
    record = replace(CONSENT, revoked_at=NOW - DAY)
    with _undone(world) as connection:
        consents.record(connection, [ConsentEntry(contact_id=person, record=record)], now=NOW)
        _rewrite_as_first_version(connection)
        links, states = read_links(connection, expected=None), compare_states(connection)
        assert (links.breaks, states.breaks, states.uncompared) == ([], [], 1)

        again = consents.record(
            connection, [ConsentEntry(contact_id=person, record=record)], now=NOW + DAY
        )
        assert again == [False]
        connection.execute(text("UPDATE consent_events SET business = 'other' WHERE id = 1"))
        (found,) = read_links(connection, expected=None).breaks
    assert (found.kind, found.event_id) == (CHANGED, 1)


def _rewrite_as_first_version(connection: Connection) -> None:
    """The events as they stood before their numbers, times and grants were covered."""
    previous = FIRST_HASH
    rows = connection.execute(text("SELECT * FROM consent_events ORDER BY id")).all()
    for row in rows:
        identity = [row.contact_id, row.business, row.kind, row.category, row.channel, row.topics]
        moment = row.occurred_at.isoformat()
        evidence = json.dumps(row.evidence, sort_keys=True, ensure_ascii=False)
        fingerprint = sha256(json.dumps([*identity, moment, evidence]).encode()).digest()
        linked = sha256(previous + fingerprint).digest()
        connection.execute(
            text(
                "UPDATE consent_events SET version = 1, granted_at = NULL, previous_hash = :before,"
                " fingerprint = :fingerprint, hash = :linked WHERE id = :id"
            ),
            {"before": previous, "fingerprint": fingerprint, "linked": linked, "id": row.id},
        )
        previous = linked
    connection.execute(text("UPDATE consent_ledger SET hash = :hash"), {"hash": previous})


_MOMENTS = st.none() | st.integers(0, 5).map(lambda days: NOW - days * DAY)
_RECORDS = st.builds(
    ConsentRecord,
    business=st.just(BUSINESS),
    category=st.just(Category.MARKETING),
    channel=st.none() | st.sampled_from(Channel),
    topics=st.none() | st.frozensets(st.sampled_from(["offers", "news", ""]), max_size=2),
    granted_at=_MOMENTS,
    confirmed_at=_MOMENTS,
    renewed_at=_MOMENTS,
    revoked_at=_MOMENTS,
    text=st.none() | st.text('añ\u0928\U0001f600"\\;', max_size=3),
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.lists(_RECORDS, min_size=1, max_size=4), max_size=4))
def test_whatever_is_told_in_whatever_portions_the_ledger_is_sound(
    world: World, portions: list[list[ConsentRecord]]
) -> None:
    people = world.contacts(numbers(2))
    with world.runtime.engine.connect() as connection:
        for number, portion in enumerate(portions):
            entries = [ConsentEntry(contact_id=people[number % 2], record=one) for one in portion]
            consents.record(connection, entries, now=NOW + number * DAY)
        assert _breaks(connection) == []
        connection.rollback()
