"""Overlays in the running pipeline: switched on by a setting, and obeyed by every stage."""

import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from config.policies import COUNTRIES_FOLDER
from pipeline.policy.quota import bucket_of
from pipeline.policy.vocabulary import Category, Channel, MessageState, Tier
from pipeline.stages import consent, throttle, window
from pipeline.store import quotas
from tests.integration.world import NOW, World

LATE = datetime(2026, 11, 24, 1, 30, tzinfo=UTC)
"""A Monday, 20:30 in Miami and in New York."""

MIAMI, NEW_YORK, TOLL_FREE = "+13055550123", "+12125550123", "+18005550123"
SAO_PAULO, RIO = "+5511987654321", "+5521987654321"
BRAZIL = {
    "kind": "operator",
    "status": "approved",
    "approved_at": "2026-01-01T00:00:00+00:00",
    "cnpj": "11222333000181",
    "template": "offer",
}


@pytest.fixture
def switched_on(world: World) -> Callable[..., World]:
    """The world with these overlays; to be called before anything asks for a policy."""

    def switch(*names: str) -> World:
        world.runtime.settings.overlays[:] = names
        return world

    return switch


def _through_window(world: World, phones: Sequence[str]) -> list[Any]:
    people = world.contacts(phones)
    ids = world.messages(world.campaign(), people, MessageState.CONSENTED)
    with world.runtime.transaction() as connection:
        window.run(connection, ids, books=world.runtime.books, now=LATE)
    return [world.row(id_) for id_ in ids]


def test_a_state_closes_before_its_country(switched_on: Callable[..., World]) -> None:
    world = switched_on("us-states")

    florida, new_york, anywhere = _through_window(world, [MIAMI, NEW_YORK, TOLL_FREE])

    assert new_york.state == "ready"
    assert (florida.state, florida.reason) == ("deferred", "window_closed")
    assert florida.rule == "us_states_fl_window"
    assert florida.not_before == datetime(2026, 11, 24, 13, tzinfo=UTC)
    assert anywhere.state == "deferred"


def test_without_the_overlay_the_state_is_no_matter(world: World) -> None:
    florida, new_york, _ = _through_window(world, [MIAMI, NEW_YORK, TOLL_FREE])
    assert (florida.state, new_york.state) == ("ready", "ready")


def _through_consent(world: World, people: Sequence[int], code: str, **changes: Any) -> list[Any]:
    ids = world.messages(world.campaign(code, **changes), people, MessageState.ACCEPTED)
    with world.runtime.transaction() as connection:
        consent.run(
            connection, ids, books=world.runtime.books, now=NOW, lease=NOW + timedelta(minutes=1)
        )
    return [world.row(id_) for id_ in ids]


def test_no_marketing_goes_to_the_us_by_whatsapp(switched_on: Callable[..., World]) -> None:
    world = switched_on("us-whatsapp")
    world.sender("us", channel=Channel.WHATSAPP)
    people = world.contacts([NEW_YORK])
    world.consent(people)

    (row,) = _through_consent(world, people, "us", channel=Channel.WHATSAPP)

    assert (row.state, row.reason) == ("blocked", "channel_not_allowed")
    assert row.rule == "us_whatsapp_no_marketing"


LISTED = f"""to,business,reason,since
{SAO_PAULO},*,procon-sp,2026-01-05T00:00:00-03:00
{RIO},*,procon-sp,2026-01-05T00:00:00-03:00
+5511987654322,acme,procon-sp,2026-01-05T00:00:00-03:00
+5511987654323,acme,opt_out,2026-01-05T00:00:00-03:00
"""


def test_who_is_on_a_public_list_gets_no_marketing_where_the_overlay_is_on(
    switched_on: Callable[..., World], recado: Callable[..., Any], tmp_path: Path
) -> None:
    world = switched_on("procon-sp")
    path = tmp_path / "procon.csv"
    path.write_text(LISTED)

    first = recado("suppressions", "import", str(path))
    again = recado("suppressions", "import", str(path))

    assert "3 taken, 3 changed, 1 refused" in first.stdout
    assert "business procon-sp is a public block list, for every business; write *" in first.stdout
    assert "3 taken, 0 changed, 1 refused" in again.stdout
    entries = world.query(
        "SELECT phone, list FROM block_list_entries b JOIN contacts c ON c.id = b.contact_id"
        " ORDER BY phone"
    )
    assert [tuple(row) for row in entries] == [(SAO_PAULO, "procon-sp"), (RIO, "procon-sp")]
    assert [row.reason for row in world.query("SELECT reason FROM suppressions")] == ["opt_out"]

    world.sender("br", country="BR", registration=BRAZIL)
    people = world.contacts([SAO_PAULO, RIO])
    world.consent(people, granted_at=datetime(2026, 1, 1, tzinfo=UTC))
    marketing = _through_consent(world, people, "offers", country="BR")
    order = {"country": "BR", "category": Category.TRANSACTIONAL}
    service = _through_consent(world, people, "news", **order)

    assert (marketing[0].reason, marketing[0].rule) == ("suppressed", "procon_sp_list")
    assert all(row.reason != "suppressed" for row in (*marketing[1:], *service))


def test_whatsapps_limit_is_one_of_the_senders_quotas(switched_on: Callable[..., World]) -> None:
    world = switched_on("whatsapp-limits")
    sender = world.sender(tier=Tier.NEW, channel=Channel.WHATSAPP)
    people = world.contacts([MIAMI, NEW_YORK, TOLL_FREE])
    ids = world.messages(world.campaign(), people, MessageState.READY, sender_id=sender.id)
    with world.runtime.transaction() as connection:
        quotas.add(connection, {(sender.id, bucket_of(NOW - timedelta(hours=1))): 248})
    with world.runtime.transaction() as connection:
        passed = throttle.run(connection, ids, books=world.runtime.books, now=NOW)

    late = world.row(ids[2])
    assert passed == ids[:2]
    assert (late.reason, late.rule) == ("daily_quota", "whatsapp_limits_new")


MADRID = "+34612345678"
EXPORT = f"to,business,reason,since\n{MADRID},*,lista-robinson,{{since}}\n"


def test_what_waits_for_somebody_who_is_listed_is_decided_again(
    switched_on: Callable[..., World], recado: Callable[..., Any], tmp_path: Path
) -> None:
    world = switched_on("spain")
    sender = world.sender("es", country="ES", registration=None)
    people = world.contacts([MADRID])
    world.consent(people)
    ready = {"sender_id": sender.id, "lease_until": NOW}
    offer = world.campaign("offer", country="ES")
    order = world.campaign("order", country="ES", category=Category.TRANSACTIONAL)
    (waiting,) = world.messages(offer, people, MessageState.READY, **ready)
    (owed,) = world.messages(order, people, MessageState.READY, **ready)
    path = tmp_path / "robinson.csv"
    path.write_text(EXPORT.format(since=(NOW - timedelta(days=1)).isoformat()))

    recado("suppressions", "import", str(path))

    row = world.row(waiting)
    assert (row.state, row.reason, row.lease_until) == ("deferred", None, None)
    assert world.row(owed).state == "ready"
    world.execute("UPDATE messages SET state = 'accepted' WHERE id = :id", id=waiting)
    with world.runtime.transaction() as connection:
        consent.run(connection, [waiting], books=world.runtime.books, now=NOW, lease=NOW)
    assert world.row(waiting).rule == "spain_lista_robinson"


def test_a_list_that_is_imported_again_with_a_later_day_changes_nothing(
    world: World, recado: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "robinson.csv"
    for since in ("2026-06-01T00:00:00Z", "2026-11-20T00:00:00Z", "2026-05-01T00:00:00Z"):
        path.write_text(EXPORT.format(since=since))
        recado("suppressions", "import", str(path))

    (entry,) = world.query("SELECT since FROM block_list_entries")
    assert entry.since == datetime(2026, 5, 1, tzinfo=UTC)


ONE_BY_SMS = """
[overlay]
name = "one"
title = "Peru: one text message a week"
version = "1.0.0"
last_checked = 2026-11-21

[[rule]]
id = "one_sms"
kind = "cap"
summary = "Nobody gets a second message within a week by SMS."
action = "defer"
categories = ["marketing"]
countries = ["PE"]
channels = ["sms"]
value = { limit = 1, period = "P7D" }
evidence = "unverified"
source = "a test of ours"
effective_from = 2022-01-01
"""


def test_a_message_that_a_cap_does_not_bind_counts_towards_it(world: World, tmp_path: Path) -> None:
    packs = tmp_path / "packs"
    shutil.copytree(COUNTRIES_FOLDER, packs)
    (packs / "overlays").mkdir()
    (packs / "overlays" / "one.toml").write_text(ONE_BY_SMS)
    world.runtime.settings.policies = packs
    world.runtime.settings.overlays[:] = ["one"]
    people = world.contacts(["+51987654321"])
    by_channel = {}
    for channel in (Channel.WHATSAPP, Channel.SMS):
        sender = world.sender(channel.value, country="PE", channel=channel, registration=None)
        campaign = world.campaign(channel.value, country="PE", channel=channel)
        by_channel[channel] = world.messages(
            campaign, people, MessageState.READY, sender_id=sender.id
        )

    assert world.claim(by_channel[Channel.WHATSAPP]) == by_channel[Channel.WHATSAPP]
    assert world.claim(by_channel[Channel.SMS]) == []
    with world.runtime.transaction() as connection:
        throttle.run(connection, by_channel[Channel.SMS], books=world.runtime.books, now=NOW)
    row = world.row(by_channel[Channel.SMS][0])
    assert (row.reason, row.rule) == ("frequency_cap", "one_sms")
    assert row.not_before == NOW + timedelta(days=7)
