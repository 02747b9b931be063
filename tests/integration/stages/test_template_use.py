"""Our own sends keep a template in use, over a real database."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from pipeline.policy.vocabulary import Channel, MessageState, RegistrationStatus
from pipeline.providers.base import Accepted, Ambiguous, SendResult
from pipeline.stages import answers, delivery
from pipeline.stages.delivery import Claimed
from pipeline.store import claims, senders
from pipeline.store.senders import Template
from tests.integration.world import BUSINESS, CAMPAIGN, NOW, World, directory_of, numbers

HOUR = timedelta(hours=1)
LAST = NOW - timedelta(days=29)
TEMPLATE = Template(
    code="offer",
    business=BUSINESS,
    country="US",
    channel=Channel.SMS,
    category="marketing",
    language="en-US",
    body=CAMPAIGN.body,
    status=RegistrationStatus.APPROVED,
    approved_at=NOW - timedelta(days=90),
    last_used_at=LAST,
)


def _save(world: World, *templates: Template) -> set[str]:
    with world.runtime.transaction() as connection:
        return senders.save_templates(connection, templates, now=NOW)


def _used(world: World) -> dict[str, datetime | None]:
    rows = world.query("SELECT business || '/' || code AS code, last_used_at FROM templates")
    return {row.code: row.last_used_at for row in rows}


def _claimed(world: World, campaign: str, template: str | None, count: int = 2) -> list[Claimed]:
    """Messages of a campaign that a courier has just claimed."""
    sender = world.sender()
    people = world.contacts(numbers(count))
    stored = world.campaign(campaign, template_code=template)
    ids = world.messages(stored, people, MessageState.READY, sender_id=sender.id)
    with world.runtime.transaction() as connection:
        parcels = claims.load(connection, ids)
        return delivery.claim(
            connection,
            parcels,
            directory=directory_of(connection, parcels),
            books=world.runtime.books,
            now=NOW,
            safe_until=NOW + timedelta(seconds=0.2),
            lease=NOW + timedelta(seconds=90),
        )


def _record(
    world: World, claimed: Sequence[Claimed], result: SendResult, *, now: datetime = NOW
) -> None:
    ends = [answers.read(one, result, sent_at=now) for one in claimed]
    with world.runtime.transaction() as connection:
        answers.record(connection, ends, books=world.runtime.books, now=now, machine_now=now)


def test_a_message_that_went_dates_the_template_of_its_campaign_and_no_other(world: World) -> None:
    changes = [("other", BUSINESS), ("offer", "somebody else")]
    others = [replace(TEMPLATE, code=code, business=business) for code, business in changes]
    _save(world, TEMPLATE, *others)

    _record(world, _claimed(world, "us", "offer"), Accepted("SM1"))

    assert _used(world) == {
        f"{BUSINESS}/offer": NOW,
        f"{BUSINESS}/other": LAST,
        "somebody else/offer": LAST,
    }


def test_what_was_not_taken_and_what_names_no_template_dates_nothing(world: World) -> None:
    _save(world, TEMPLATE)
    _record(world, _claimed(world, "us", "offer"), Ambiguous("?"))
    _record(world, _claimed(world, "plain", None), Accepted("SM1"))
    assert _used(world) == {f"{BUSINESS}/offer": LAST}


@pytest.mark.parametrize(("age", "written"), [(HOUR, True), (HOUR - timedelta(seconds=1), False)])
def test_it_is_written_once_an_hour(world: World, age: timedelta, *, written: bool) -> None:
    _save(world, replace(TEMPLATE, last_used_at=NOW - age))
    _record(world, _claimed(world, "us", "offer"), Accepted("SM1"))
    assert _used(world) == {f"{BUSINESS}/offer": NOW if written else NOW - age}


def test_who_records_beside_another_waits_for_nobody(world: World) -> None:
    _save(world, TEMPLATE)
    claimed = _claimed(world, "us", "offer")
    with world.runtime.transaction() as connection:
        connection.exec_driver_sql("UPDATE templates SET last_used_at = now()")
        _record(world, claimed, Accepted("SM1"))  # another connection
        assert {row.state for row in world.query("SELECT state FROM messages")} == {"sent"}


def test_importing_a_template_again_takes_nothing_from_its_use(world: World) -> None:
    _save(world, TEMPLATE)
    _record(world, _claimed(world, "us", "offer"), Accepted("SM1"))

    assert _save(world, TEMPLATE) == set()
    assert _save(world, replace(TEMPLATE, last_used_at=None)) == set()
    assert _save(world, replace(TEMPLATE, body="Acme: new.")) == {"offer"}
    assert _used(world) == {f"{BUSINESS}/offer": NOW}
    assert _save(world, replace(TEMPLATE, last_used_at=NOW + HOUR)) == {"offer"}
    assert _used(world) == {f"{BUSINESS}/offer": NOW + HOUR}
