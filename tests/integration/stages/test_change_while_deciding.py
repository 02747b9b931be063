"""What is told of a person while a stage decides about them is not lost between the two."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.engine import Connection

from pipeline.policy.preferences import Preference
from pipeline.policy.vocabulary import Channel, MessageState
from pipeline.stages import consent
from pipeline.store import block_lists, consents, preferences
from tests.integration.world import BUSINESS, CONSENT, NOW, World, numbers
from workers.clock import machine_now

Change = Callable[[Connection, int], object]


def _revoke(connection: Connection, person: int) -> None:
    taken_back = replace(CONSENT, revoked_at=NOW - timedelta(minutes=1))
    entry = consents.ConsentEntry(contact_id=person, record=taken_back)
    consents.record(connection, [entry], now=NOW)


def _prefer(connection: Connection, person: int) -> None:
    wish = Preference(channels=frozenset({Channel.WHATSAPP}))
    preferences.keep(connection, {(person, BUSINESS): wish}, now=NOW)


def _list(connection: Connection, person: int) -> None:
    block_lists.add(connection, {(person, "procon-sp"): NOW}, now=NOW)


@pytest.mark.parametrize("change", [_revoke, _prefer, _list])
def test_what_the_stage_did_not_see_has_it_decide_again(
    world: World, change: Change, wait_for: Callable[..., None]
) -> None:
    world.sender()
    (person,) = world.contacts(numbers(1))
    world.consent([person])
    ids = world.messages(world.campaign(), [person], MessageState.ACCEPTED)

    def tell() -> None:
        with world.runtime.transaction() as connection:
            change(connection, person)

    with ThreadPoolExecutor(1) as pool:
        with world.runtime.transaction() as deciding:
            went_on = consent.run(
                deciding, ids, books=world.runtime.books, now=NOW, lease=machine_now()
            )
            telling = pool.submit(tell)
            wait_for(
                lambda: telling.done() or world.query("SELECT FROM pg_locks WHERE NOT granted"),
                what="the change to be told, or to wait for the stage",
            )
        telling.result()
    assert went_on == ids
    assert world.row(ids[0]).state == "deferred"
    assert world.row(ids[0]).not_before == NOW
