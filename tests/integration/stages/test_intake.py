"""Intake over a real database: each row once, bad rows apart, useless chunks refused."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from pipeline.policy.recipients import BadRow, read_recipient
from pipeline.stages import intake
from pipeline.stages.intake import MAX_BYTES, MAX_MESSAGES, SCHEMA, Chunk, Refusal, TakenIn
from tests.integration.world import NOW, World, numbers

LEASE = NOW + timedelta(seconds=60)


def _take(world: World, *chunks: Chunk) -> TakenIn:
    with world.runtime.transaction() as connection:
        return intake.run(connection, chunks, now=NOW, lease=LEASE)


def _chunk(*rows: object, campaign: str = "us") -> Chunk:
    return Chunk(campaign=campaign, rows=rows)


def test_rows_become_accepted_messages_that_belong_to_the_first_queue(world: World) -> None:
    campaign = world.campaign(body="Acme: {n} for you. Reply STOP.", variables=("n",))
    phones = numbers(3)

    taken = _take(world, _chunk(*({"to": phone, "variables": {"n": 1}} for phone in phones)))

    rows = world.query("SELECT m.*, phone FROM messages m JOIN contacts t ON t.id = contact_id")
    assert sorted(row.id for row in rows) == sorted(taken.ids)
    assert {row.phone for row in rows} == set(phones)
    assert {(row.campaign_id, row.state, row.lease_until) for row in rows} == {
        (campaign.id, "accepted", LEASE)
    }
    assert rows[0].variables == {"n": "1"}


def test_what_the_body_does_not_say_is_not_kept(world: World) -> None:
    world.campaign(body="Acme: {name}, 15% off. Reply STOP.", variables=("name",))
    first, second = numbers(2)
    private = {"age": 44, "address": "Calle Mayor 1"}
    rows = [
        {"to": first, "variables": {"name": "Ana"} | private},
        {"to": second, "variables": private},
        {"to": "+1212", "variables": {"name": "Eva"} | private},
    ]

    _take(world, _chunk(*rows))

    stored = world.query("SELECT variables FROM messages ORDER BY id")
    assert [row.variables for row in stored] == [{"name": "Ana"}, None, None]


@pytest.mark.parametrize("position", [None, 4])
def test_a_chunk_that_comes_again_changes_nothing(world: World, position: int | None) -> None:
    world.campaign()
    rows: list[dict[str, Any]] = [{"to": phone, "position": position} for phone in numbers(5)]
    _take(world, _chunk(*rows))
    before = world.everything()

    again = _take(world, _chunk(*rows))

    assert again.ids == []
    assert world.everything() == before


def test_the_same_id_is_one_message_even_inside_a_chunk(world: World) -> None:
    world.campaign()
    first, second = numbers(2)

    taken = _take(world, _chunk({"to": first, "id": "order-1"}, {"to": second, "id": "order-1"}))

    assert len(taken.ids) == 1
    assert len(world.states()) == 1


def test_a_person_named_twice_gets_one_message_and_a_blocked_duplicate(world: World) -> None:
    world.campaign()
    (phone,) = numbers(1)
    taken = _take(world, _chunk({"to": phone, "position": 3}))

    later = _take(world, _chunk({"to": phone, "position": 17}))

    assert later.ids == []
    duplicate = world.query("SELECT * FROM messages WHERE id <> :id", id=taken.ids[0])
    assert [(row.state, row.reason, row.position) for row in duplicate] == [
        ("blocked", "duplicate", 17)
    ]
    assert world.decisions(duplicate[0].id) == [("intake", "block", "duplicate")]
    before = world.everything()
    _take(world, _chunk({"to": phone, "position": 17}))
    assert world.everything() == before


def test_the_same_people_in_two_campaigns_are_two_messages(world: World) -> None:
    world.campaign("one")
    world.campaign("two")
    (phone,) = numbers(1)

    taken = _take(
        world, _chunk({"to": phone}, campaign="one"), _chunk({"to": phone}, campaign="two")
    )

    assert len(taken.ids) == 2


SURROGATE = json.loads('"\\ud800"')

BAD_ROWS: Mapping[str, tuple[object, str]] = {
    "not an object": (17, "invalid_number"),
    "no number": ({"id": "a"}, "invalid_number"),
    "not a number": ({"to": "hello"}, "invalid_number"),
    "a number of no country": ({"to": "+999123"}, "invalid_number"),
    "a null character": ({"to": "+1\0212"}, "invalid_number"),
    "half a character in the number": ({"to": SURROGATE}, "invalid_number"),
    "half a character in the id": ({"to": "+12125550123", "id": SURROGATE}, "invalid_number"),
    "an id without end": ({"to": "+12125550123", "id": "x" * 5000}, "invalid_number"),
    "variables that are a list": (
        {"to": "+12125550123", "variables": [1]},
        "content_variable_missing",
    ),
    "a null character in a variable's name": (
        {"to": "+12125550123", "variables": {"a\0": "b"}},
        "content_variable_missing",
    ),
    "half a character in a variable": (
        {"to": "+12125550123", "variables": {"a": SURROGATE}},
        "content_variable_missing",
    ),
    "half a character in a variable's name": (
        {"to": "+12125550123", "variables": {SURROGATE: "a"}},
        "content_variable_missing",
    ),
    "a zone that is none": ({"to": "+12122345678", "timezone": "Mars/Olympus"}, "no_common_window"),
}


def test_a_bad_row_becomes_a_blocked_message_and_takes_nothing_with_it(world: World) -> None:
    world.campaign()
    good = numbers(2)
    rows: list[Any] = [{"to": good[0]}, *(row for row, _ in BAD_ROWS.values()), {"to": good[1]}]

    taken = _take(world, _chunk(*rows))

    assert sorted(taken.ids) == [id_ for id_, state in world.states().items() if state != "blocked"]
    assert len(taken.ids) == 2
    bad = world.query("SELECT * FROM messages WHERE state = 'blocked' ORDER BY id")
    assert [row.reason for row in bad] == [reason for _, reason in BAD_ROWS.values()]
    assert all(row.lease_until is None for row in bad)
    for row in bad:
        assert world.decisions(row.id) == [("intake", "block", row.reason)]


@pytest.mark.parametrize("row", [row for row, _ in BAD_ROWS.values()], ids=BAD_ROWS)
def test_what_is_wrong_with_a_bad_row_can_be_stored(row: object) -> None:
    read = read_recipient(row)

    problem = f"{read.field} {read.problem}" if isinstance(read, BadRow) else ""
    assert "\0" not in problem
    assert problem.encode() is not None


def test_the_same_bad_row_twice_is_one_message_with_one_decision(world: World) -> None:
    world.campaign()

    _take(world, _chunk({"to": "hello"}, {"to": "hello"}))

    (message,) = world.states()
    assert world.decisions(message) == [("intake", "block", "invalid_number")]


def test_a_chunk_of_an_unknown_campaign_is_told_and_the_others_go_on(world: World) -> None:
    world.campaign()
    first, second = numbers(2)
    lost = _chunk({"to": first}, campaign="nobody")

    taken = _take(world, lost, _chunk({"to": second}))

    assert taken.unknown == [lost]
    assert len(taken.ids) == 1
    assert list(world.states()) == taken.ids


def _entry(**changes: bytes) -> dict[bytes, bytes]:
    fields = {"schema": SCHEMA.encode(), "campaign": b"us", "messages": b'[{"to": "+1"}]'}
    return {name.encode(): value for name, value in (fields | changes).items()}


REFUSED = {
    "another schema": (_entry(schema=b"recado.intake/2"), "unknown_schema"),
    "no schema": ({b"campaign": b"us"}, "unknown_schema"),
    "no campaign": (_entry(campaign=b""), "unknown_campaign"),
    "a campaign with a null character": (_entry(campaign=b"a\0b"), "unknown_campaign"),
    "not JSON": (_entry(messages=b"{"), "not_json"),
    "no messages": ({b"schema": SCHEMA.encode(), b"campaign": b"us"}, "not_json"),
    "not text": (_entry(messages=b"\xff\xfe"), "not_json"),
    "an object": (_entry(messages=b'{"to": "+1"}'), "not_json"),
    "an empty array": (_entry(messages=b"[]"), "not_json"),
    "nested without end": (_entry(messages=b"[" * 200_000), "not_json"),
    "too many": (_entry(messages=json.dumps([{}] * (MAX_MESSAGES + 1)).encode()), "too_large"),
    "too long": (_entry(messages=b" " * (MAX_BYTES + 1)), "too_large"),
}


@pytest.mark.parametrize(("fields", "reason"), REFUSED.values(), ids=REFUSED)
def test_an_entry_that_cannot_be_used_is_refused_with_its_reason(
    fields: dict[bytes, bytes], reason: str
) -> None:
    read = intake.read_entry(fields)

    assert isinstance(read, Refusal)
    assert read.reason == reason
    assert read.detail


def test_the_largest_entry_that_is_allowed_is_read() -> None:
    read = intake.read_entry(_entry(messages=json.dumps([{}] * MAX_MESSAGES).encode()))

    assert isinstance(read, Chunk)
    assert len(read.rows) == MAX_MESSAGES
