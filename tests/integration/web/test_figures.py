"""What is counted, and that nothing of a person is."""

from pipeline.policy.sender import SenderState
from pipeline.policy.vocabulary import MessageState
from tests.integration.web.calling import OUR_NUMBER, inbound_reply, reply, whatsapp_text
from tests.integration.web.conftest import Site
from tests.integration.world import NOW, World, numbers

PHONES = numbers(4)


def test_figures_tell_what_came_and_what_is_owed(site: Site, world: World) -> None:
    assert site.twilio(reply("STOP", PHONES[0])).status == 200
    assert site.whatsapp(whatsapp_text("don't stop", PHONES[1])).status == 200
    assert site.inbound(inbound_reply("HELP", PHONES[2])).status == 200
    world.sender("halted", state=SenderState.SUSPENDED)
    world.execute("UPDATE opt_outs SET received_at = received_at - interval '2 hours'")
    world.execute("UPDATE opt_outs SET deadline_at = received_at + interval '1 hour'")

    lines = site.get("/metrics").body.decode().splitlines()

    assert {
        'recado_webhook_events_total{account="tw",effect="reply",intent="opt_out"} 1.0',
        'recado_webhook_events_total{account="wa",effect="reply",intent="review"} 1.0',
        'recado_webhook_events_total{account="crm",effect="reply",intent="help"} 1.0',
        'recado_requests_total{route="/webhooks/twilio/{account}",status="200"} 1.0',
        "recado_opt_out_in_force_seconds_count 1.0",
        "recado_opt_outs_open 1.0",
        "recado_opt_outs_past_half_deadline 1.0",
        "recado_opt_outs_past_deadline 1.0",
        "recado_reviews_waiting 1.0",
        "recado_senders_suspended 1.0",
        'recado_inbox_events_waiting{lane="urgent"} 0.0',
        'recado_queue_chunks{queue="optout"} 0.0',
        "recado_stream_entries 0.0",
        "recado_messages_undecided 0.0",
        "recado_database_up 1.0",
        "recado_redis_up 1.0",
    } <= {*lines}


def test_how_full_the_servers_are(site: Site) -> None:
    site.get("/metrics")
    for used, limit in (
        ("recado_redis_memory_bytes", "recado_redis_memory_limit_bytes"),
        ("recado_database_connections", "recado_database_connections_limit"),
    ):
        assert 0 < site.figure(used) < site.figure(limit)
    assert site.figure("recado_database_bytes") > 1e6


def test_figures_tell_what_is_in_doubt_and_what_was_set_aside(site: Site, world: World) -> None:
    people, campaign = world.contacts(PHONES), world.campaign()
    world.messages(campaign, people[:3], MessageState.IN_DOUBT, in_doubt_at=NOW)
    world.messages(campaign, people[3:], MessageState.FAILED, reason="set_aside", tries=5)

    lines = site.get("/metrics").body.decode().splitlines()

    assert {"recado_messages_in_doubt 3.0", "recado_messages_set_aside 1.0"} <= {*lines}
    assert any(line.startswith("recado_messages_in_doubt_oldest_seconds ") for line in lines)


def test_figures_hold_nothing_of_a_person(site: Site) -> None:
    assert site.twilio(reply("STOP Ana Souza", PHONES[0])).status == 200
    for account in (PHONES[1], "Ana", "%2B15005550006"):
        assert site.twilio(reply("STOP", PHONES[2]), f"/webhooks/twilio/{account}").status == 403
        assert site.get(f"/people/{account}").status == 404

    text = site.get("/metrics").body.decode()

    for part in (*PHONES, OUR_NUMBER, "Ana", "STOP", "15005550006"):
        assert part not in text
    labels = {"route": "twilio", "account": "unknown", "reason": "unknown"}
    assert site.figure("recado_webhooks_refused_total", **labels) == 3
