"""Overlays in the running pipeline: switched on by a setting, and obeyed by every stage."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

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
