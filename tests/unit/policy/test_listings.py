"""Public block lists: whom they bind, since when, and who has authorised a business anyway."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from pipeline.policy.checks import Check, CheckOutcome
from pipeline.policy.consent import ConsentRecord, decide_consent
from pipeline.policy.country import BlockList, ConsentRule
from pipeline.policy.listings import check_listings
from pipeline.policy.vocabulary import Category, Channel, Reason

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LIST = BlockList(
    rule="procon_sp_list",
    name="procon-sp",
    categories=frozenset({Category.MARKETING}),
    states=frozenset({"SP"}),
    after=timedelta(days=30),
)
LONG_AGO = NOW - timedelta(days=300)
SAO_PAULO = frozenset({"SP"})


def consent(granted_at: datetime, **changes: Any) -> ConsentRecord:
    return ConsentRecord(
        business="acme", category=Category.MARKETING, granted_at=granted_at, ip="::1", **changes
    )


def checks(
    listed: Sequence[tuple[str, datetime]] = (("procon-sp", LONG_AGO),),
    states: frozenset[str] = SAO_PAULO,
    consents: Sequence[ConsentRecord] = (),
    **changes: Any,
) -> list[Check]:
    decide = partial(
        decide_consent,
        ConsentRule(rule="asks", evidence=("ip",)),
        channel=Channel.SMS,
        topic=None,
        opted_out_at=None,
        now=NOW,
    )
    options: dict[str, Any] = {
        "category": Category.MARKETING,
        "channel": Channel.SMS,
        "now": NOW,
    } | changes
    return list(check_listings([LIST], listed, states, consents, decide=decide, **options))


def test_who_is_listed_is_left_alone() -> None:
    (check,) = checks()
    assert (check.outcome, check.rule) == (CheckOutcome.BLOCK, "procon_sp_list")
    assert check.reason is Reason.SUPPRESSED
    assert check.saw == {"list": "procon-sp", "since": LONG_AGO.isoformat()}


@pytest.mark.parametrize(
    ("since", "bound"),
    [
        (NOW - timedelta(days=30), True),
        (NOW - timedelta(days=30) + timedelta(seconds=1), False),
        (NOW + timedelta(days=1), False),
    ],
)
def test_a_listing_binds_after_its_time(since: datetime, bound: bool) -> None:
    assert bool(checks([("procon-sp", since)])) is bound


@pytest.mark.parametrize(
    ("states", "bound"),
    [({"SP"}, True), (set(), True), ({"RJ"}, False), ({"RJ", "SP"}, True)],
)
def test_a_number_of_another_state_is_not_bound_and_of_an_unknown_one_is(
    states: set[str], bound: bool
) -> None:
    assert bool(checks(states=frozenset(states))) is bound


def test_another_list_another_category_and_nobody_listed_do_not_bind() -> None:
    assert not checks([("lista-robinson", LONG_AGO)])
    assert not checks(category=Category.TRANSACTIONAL)
    assert not checks([])


@pytest.mark.parametrize(
    ("record", "authorised"),
    [
        (consent(LONG_AGO + timedelta(days=1)), True),
        (consent(LONG_AGO), False),
        (consent(LONG_AGO - timedelta(days=1)), False),
        (consent(NOW + timedelta(days=1)), False),
        (consent(LONG_AGO + timedelta(days=1), revoked_at=NOW - timedelta(days=1)), False),
        (consent(LONG_AGO + timedelta(days=1), channel=Channel.WHATSAPP), False),
    ],
)
def test_only_a_later_consent_that_is_good_for_the_message_authorises(
    record: ConsentRecord, authorised: bool
) -> None:
    assert bool(checks(consents=[record])) is not authorised


def test_an_incomplete_later_consent_does_not_lend_itself_to_an_older_one() -> None:
    older = consent(LONG_AGO - timedelta(days=1))
    later = ConsentRecord(
        business="acme", category=Category.MARKETING, granted_at=LONG_AGO + timedelta(days=1)
    )
    assert checks(consents=[older, later])
