"""A wish to leave is never undone by what is older, in whatever order it is told."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from pipeline.policy.consent import ConsentRecord
from pipeline.policy.vocabulary import Category, Channel, MessageState
from pipeline.store import consents, suppressions
from pipeline.store.consents import ConsentEntry
from tests.integration.world import BUSINESS, CONSENT, NOW, World, numbers

DAY = timedelta(days=1)


def _tell(world: World, person: int, *records: ConsentRecord) -> None:
    entries = [ConsentEntry(contact_id=person, record=record) for record in records]
    with world.runtime.transaction() as connection:
        consents.record(connection, entries, now=NOW)


def _held(world: World, person: int) -> list[tuple[Channel | None, datetime | None]]:
    with world.runtime.transaction() as connection:
        found = consents.held(
            connection, [person], business=BUSINESS, category=Category.MARKETING
        ).get(person, [])
    return [(one.record.channel, one.record.revoked_at) for one in found if one.record.granted_at]


def _grant(days: int, **changes: object) -> ConsentRecord:
    return replace(CONSENT, granted_at=NOW - days * DAY, **changes)  # type: ignore[arg-type]


def _revocation(days: int, channel: Channel | None = None) -> ConsentRecord:
    return ConsentRecord(
        business=BUSINESS,
        category=Category.MARKETING,
        channel=channel,
        revoked_at=NOW - days * DAY,
    )


@pytest.mark.parametrize("turn", [1, -1], ids=["grant first", "revocation first"])
def test_a_revocation_in_the_same_file_as_its_grant_is_kept(world: World, turn: int) -> None:
    (person,) = world.contacts(numbers(1))
    told: Sequence[ConsentRecord] = [_grant(9, channel=None, topics=None), _revocation(3)][::turn]

    _tell(world, person, *told)

    assert _held(world, person) == [(None, NOW - 3 * DAY)]


def test_a_grant_that_is_newer_than_the_revocation_stands(world: World) -> None:
    (person,) = world.contacts(numbers(1))
    _tell(world, person, _revocation(9), _grant(3, channel=None, topics=None))
    assert _held(world, person) == [(None, None)]


@pytest.mark.parametrize("channel", [None, Channel.SMS])
def test_a_revocation_takes_back_every_consent_that_it_overlaps_with(
    world: World, channel: Channel | None
) -> None:
    (person,) = world.contacts(numbers(1))
    topics = frozenset({"offers"})
    _tell(world, person, _grant(9, channel=Channel.SMS, topics=topics))
    _tell(world, person, _grant(9, channel=None, topics=topics))
    _tell(world, person, _grant(9, channel=Channel.WHATSAPP, topics=topics))

    _tell(world, person, _revocation(3, channel))

    left = dict(_held(world, person))
    assert (left[Channel.SMS], left[None]) == (NOW - 3 * DAY, NOW - 3 * DAY)
    assert left[Channel.WHATSAPP] == (None if channel else NOW - 3 * DAY)


def test_what_waited_with_the_consent_that_was_taken_back_is_decided_again(world: World) -> None:
    sender = world.sender()
    (person,) = world.contacts(numbers(1))
    (ready,) = world.messages(world.campaign(), [person], MessageState.READY, sender_id=sender.id)
    service = world.campaign("otp", category=Category.TRANSACTIONAL)
    (other,) = world.messages(service, [person], MessageState.READY, sender_id=sender.id)

    _tell(world, person, _revocation(0))

    assert (world.row(ready).state, world.row(ready).not_before) == ("deferred", NOW)
    assert world.row(other).state == "ready"


def test_a_consent_between_two_opt_outs_does_not_undo_the_second(world: World) -> None:
    (person,) = world.contacts(numbers(1))
    with world.runtime.transaction() as connection:
        for days in (9, 3):
            entry = (person, BUSINESS, "opt_out", NOW - days * DAY)
            suppressions.add(connection, [entry], source="reply", now=NOW)
        lifted = suppressions.lift_for_new_consents(connection, [(person, BUSINESS, NOW - 5 * DAY)])
        assert lifted == 0
        (still,) = suppressions.of(connection, [person], [BUSINESS])
        assert (still.since, still.lifted_at) == (NOW - 3 * DAY, None)

        assert suppressions.lift_for_new_consents(connection, [(person, BUSINESS, NOW - DAY)]) == 1


def test_a_weaker_reason_does_not_replace_a_stronger_one(world: World) -> None:
    (person,) = world.contacts(numbers(1))
    with world.runtime.transaction() as connection:
        for days, reason in ((9, "wrong_number"), (3, "opt_out")):
            entry = (person, BUSINESS, reason, NOW - days * DAY)
            suppressions.add(connection, [entry], source="import", now=NOW)
        (listed,) = suppressions.of(connection, [person], [BUSINESS])
    assert (listed.reason, listed.everything) == ("wrong_number", True)
