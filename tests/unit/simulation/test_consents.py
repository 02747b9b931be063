"""What rows of a consents file come to, as the ledger would have it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.policy.consent import ConsentRecord
from pipeline.policy.vocabulary import Category, Channel, ConsentMethod
from workers.simulation.consents import current_consents

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)

GRANTED = ConsentRecord(
    business="b",
    category=Category.MARKETING,
    channel=Channel.SMS,
    topics=frozenset({"shoes"}),
    granted_at=AT - 100 * DAY,
    confirmed_at=AT - 99 * DAY,
    method=ConsentMethod.WEB,
    ip="198.51.100.7",
)
TAKEN_BACK = replace(GRANTED, granted_at=None, confirmed_at=None, ip=None, revoked_at=AT - 10 * DAY)


def facts(*records: ConsentRecord) -> Sequence[tuple[datetime | None, datetime | None, str | None]]:
    """(granted, revoked, ip) of each consent that there is."""
    return [(one.granted_at, one.revoked_at, one.ip) for one in current_consents(records, AT)]


def test_one_row_stands_as_it_is() -> None:
    assert current_consents([GRANTED], AT) == [GRANTED]


def test_the_newest_grant_is_the_consent_with_its_own_evidence() -> None:
    newer = replace(GRANTED, granted_at=AT - DAY, ip=None)
    expected = [(newer.granted_at, None, None)]
    assert facts(GRANTED, newer) == facts(newer, GRANTED) == expected


def test_a_revocation_takes_back_what_was_granted_before_it_and_no_more() -> None:
    newer = replace(GRANTED, granted_at=AT - DAY)
    assert facts(GRANTED, TAKEN_BACK) == [(GRANTED.granted_at, TAKEN_BACK.revoked_at, GRANTED.ip)]
    assert facts(TAKEN_BACK, newer) == [(newer.granted_at, None, newer.ip)]


def test_a_revocation_for_every_topic_takes_back_each() -> None:
    everything = replace(TAKEN_BACK, topics=None, channel=None)
    found = current_consents([GRANTED, everything], AT)
    assert all(one.revoked_at == TAKEN_BACK.revoked_at for one in found)


def test_topics_and_channels_are_consents_of_their_own() -> None:
    hats = replace(GRANTED, topics=frozenset({"hats"}), granted_at=AT - DAY)
    assert {(one.topics, one.granted_at) for one in current_consents([GRANTED, hats], AT)} == {
        (GRANTED.topics, GRANTED.granted_at),
        (hats.topics, hats.granted_at),
    }


@pytest.mark.parametrize("order", [1, -1])
def test_what_comes_later_is_not_known_yet(order: int) -> None:
    coming = replace(GRANTED, granted_at=AT + DAY, ip=None)
    assert facts(*[GRANTED, coming][::order]) == [(GRANTED.granted_at, None, GRANTED.ip)]
    assert facts(coming) == []


def test_of_two_revocations_the_first_after_the_grant_counts() -> None:
    later = replace(TAKEN_BACK, revoked_at=AT + DAY)
    assert facts(GRANTED, later, TAKEN_BACK) == facts(GRANTED, TAKEN_BACK, later)
    assert facts(GRANTED, later)[0][1] == AT + DAY


def test_a_consent_without_a_moment_stays_incomplete() -> None:
    (found,) = current_consents([replace(GRANTED, granted_at=None, confirmed_at=None)], AT)
    assert found.granted_at is None
    assert found.ip == GRANTED.ip
