"""From requests to commits: many at once, a poisoned one among them, and what the lane is told."""

import asyncio
from collections.abc import Sequence

import aiohttp

from tests.integration.web.calling import (
    Answer,
    call,
    reply,
    signed_form,
    whatsapp_change,
    whatsapp_text,
)
from tests.integration.web.conftest import Serve, Site, WaitFor
from tests.integration.world import World, numbers
from workers.clock import machine_seconds

PATH = "/webhooks/twilio/tw"
PHONES = numbers(200)

POISON = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.provider_id = 'SM66' THEN RAISE EXCEPTION 'poisoned by +15005550006'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON inbound_messages FOR EACH ROW EXECUTE FUNCTION refuse();
"""


def post_all(site: Site, forms: Sequence[dict[str, str]]) -> list[Answer]:
    """Post these at once, each on a connection of its own."""

    async def run() -> list[Answer]:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(site.address, connector=connector) as session:
            return await asyncio.gather(
                *(call(session, "POST", PATH, *signed_form(form, PATH)) for form in forms)
            )

    return asyncio.run(run())


def stops() -> list[dict[str, str]]:
    return [reply("STOP", phone, f"SM{number}") for number, phone in enumerate(PHONES)]


def in_force(world: World) -> int:
    query = "SELECT count(*) AS n FROM suppressions WHERE lifted_at IS NULL"
    amount: int = world.query(query)[0].n
    return amount


def test_two_hundred_at_once_are_all_in_force_by_few_commits(
    site: Site, world: World, wait_for: WaitFor
) -> None:
    answers = post_all(site, stops())

    assert {answer.status for answer in answers} == {200}
    assert {answer.body for answer in answers} == {
        b'<?xml version="1.0" encoding="UTF-8"?><Response/>'
    }
    assert {answer.media_type for answer in answers} == {"text/xml"}
    assert in_force(world) == len(PHONES)
    (commits,) = world.query("SELECT count(DISTINCT xmin::text) AS n FROM inbound_messages")
    assert commits.n < len(PHONES) / 2
    wait_for(lambda: len(site.told) == len(PHONES), what="the news for the lane")
    assert len({*site.told}) == len(PHONES)
    unconfirmed = "SELECT FROM opt_outs WHERE in_force_at IS NULL OR in_force_at < received_at"
    wait_for(lambda: not world.query(unconfirmed), what="the instants of force")
    assert site.figure("recado_opt_out_in_force_seconds_count") == len(PHONES)
    labels = {"account": "tw", "effect": "reply", "intent": "opt_out"}
    assert site.figure("recado_webhook_events_total", **labels) == len(PHONES)


def test_the_same_event_many_times_at_once_counts_once(site: Site, world: World) -> None:
    answers = post_all(site, [reply("STOP", PHONES[0])] * 30)
    assert {answer.status for answer in answers} == {200}
    assert len(world.query("SELECT FROM inbound_messages")) == 1
    assert in_force(world) == 1


def test_a_poisoned_event_takes_no_other_with_it(site: Site, world: World) -> None:
    world.execute(POISON)

    answers = post_all(site, stops())

    failed = [number for number, answer in enumerate(answers) if answer.status != 200]
    assert failed == [66]
    assert (answers[66].status, answers[66].media_type) == (500, "application/problem+json")
    assert b"+1500" not in answers[66].body
    assert in_force(world) == len(PHONES) - 1


def test_a_poisoned_event_of_a_batch_leaves_the_others_stored(site: Site, world: World) -> None:
    world.execute(POISON)
    texts = [
        whatsapp_text("STOP", phone, f"SM{number}")["entry"][0]
        for number, phone in enumerate(PHONES[:100])
    ]
    answer = site.whatsapp({"object": "whatsapp_business_account", "entry": texts})
    assert answer.status == 500
    assert in_force(world) == 99


def test_a_batch_of_replies_and_statuses_is_taken_whole(site: Site, world: World) -> None:
    status = {
        "id": "wamid.9",
        "status": "delivered",
        "timestamp": str(int(machine_seconds())),
        "recipient_id": PHONES[1].lstrip("+"),
    }
    entries = [
        *whatsapp_change({"statuses": [status] * 600})["entry"],
        *whatsapp_text("STOP", PHONES[0])["entry"],
    ]
    answer = site.whatsapp({"object": "whatsapp_business_account", "entry": entries})
    assert answer.status == 200
    assert in_force(world) == 1
    labels = {"account": "wa", "effect": "status_unknown", "intent": ""}
    assert site.figure("recado_webhook_events_total", **labels) == 600


def test_a_lane_that_cannot_be_told_delays_nobody(
    serve: Serve, world: World, wait_for: WaitFor
) -> None:
    asked: list[int] = []

    def refuse(ids: Sequence[int]) -> bool:
        asked.extend(ids)
        return False

    site = serve(tell=refuse)
    assert {answer.status for answer in post_all(site, stops()[:20])} == {200}
    assert in_force(world) == 20
    wait_for(lambda: asked, what="an attempt")
    confirmed = "SELECT FROM opt_outs WHERE in_force_at IS NOT NULL"
    wait_for(lambda: len(world.query(confirmed)) == 20, what="the instants of force")
