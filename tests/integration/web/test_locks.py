"""Somebody holds a lock on a person: only this person's STOP waits for it, and it is kept."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text

from tests.integration.web.calling import Answer, reply, whatsapp_text
from tests.integration.web.conftest import Site, WaitFor
from tests.integration.web.test_inbox import PHONES, in_force, post_all, stops
from tests.integration.world import World


@contextmanager
def locked(world: World, *contacts: int) -> Iterator[None]:
    """Hold these people's rows, as a long import or a person at a console does."""
    with world.runtime.transaction() as connection:
        connection.execute(
            text("SELECT FROM contacts WHERE id = ANY(:ids) FOR UPDATE"), {"ids": list(contacts)}
        )
        yield


def test_a_stop_that_meets_a_lock_is_kept_until_it_is_in_force(
    site: Site, world: World, wait_for: WaitFor
) -> None:
    (contact,) = world.contacts(PHONES[:1])
    with locked(world, contact):
        answer = site.twilio(reply("STOP", PHONES[0]))
        assert (answer.status, answer.media_type) == (503, "application/problem+json")
        assert site.inbox.urgent.waiting == 1
        assert in_force(world) == 0
    # The provider never comes again.
    wait_for(lambda: in_force(world) == 1, what="the opt-out")
    assert site.inbox.urgent.waiting == 0
    assert site.twilio(reply("STOP", PHONES[0])).status == 200
    assert len(world.query("SELECT FROM inbound_messages")) == 1


def test_a_short_lock_only_delays_the_answer(site: Site, world: World, wait_for: WaitFor) -> None:
    (contact,) = world.contacts(PHONES[:1])
    answers: list[Answer] = []
    caller = threading.Thread(target=lambda: answers.append(site.twilio(reply("STOP", PHONES[0]))))
    with locked(world, contact):
        caller.start()
        wait_for(lambda: site.inbox.urgent.waiting == 1, what="the lock to be met")
    caller.join()
    assert [answer.status for answer in answers] == [200]
    assert in_force(world) == 1


def test_one_locked_person_holds_up_nobody_else(
    site: Site, world: World, wait_for: WaitFor
) -> None:
    contacts = world.contacts(PHONES)
    answers: list[Answer] = []
    caller = threading.Thread(target=lambda: answers.extend(post_all(site, stops())))
    with locked(world, contacts[77]):
        began = time.monotonic()
        caller.start()
        wait_for(lambda: in_force(world) == len(PHONES) - 1, what="everybody else's opt-out")
        # Waiting for the lock at every halving would take some 17 seconds.
        assert time.monotonic() - began < 4
        caller.join()
    assert Counter(answer.status for answer in answers) == {200: len(PHONES) - 1, 503: 1}
    wait_for(lambda: in_force(world) == len(PHONES), what="the opt-out that met the lock")


def test_many_locked_people_do_not_hold_up_who_comes_later(
    site: Site, world: World, wait_for: WaitFor
) -> None:
    contacts = world.contacts(PHONES)
    held = contacts[:100]
    caller = threading.Thread(target=lambda: post_all(site, stops()[:100]))
    with locked(world, *held):
        caller.start()
        labels = {"route": "/webhooks/twilio/{account}", "status": "503"}
        wait_for(lambda: site.figure("recado_requests_total", **labels), what="locks to be met")
        began = time.monotonic()
        assert site.twilio(reply("STOP", PHONES[150], "SM150")).status == 200
        assert time.monotonic() - began < 4
        caller.join()
    wait_for(lambda: in_force(world) == 101, what="the opt-outs that met the lock")


def test_a_locked_event_of_a_batch_is_kept_and_the_others_are_stored(
    site: Site, world: World, wait_for: WaitFor
) -> None:
    contacts = world.contacts(PHONES[:10])
    texts = [
        whatsapp_text("STOP", phone, f"wamid.{number}")["entry"][0]
        for number, phone in enumerate(PHONES[:10])
    ]
    with locked(world, contacts[3]):
        answer = site.whatsapp({"object": "whatsapp_business_account", "entry": texts})
        assert answer.status == 503
        assert in_force(world) == 9
    wait_for(lambda: in_force(world) == 10, what="the opt-out that met the lock")
