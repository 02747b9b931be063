"""The consent stage over a real database: each obstacle has its reason, and is found once."""

import threading
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from pipeline.policy.vocabulary import CampaignState, Category, Channel, MessageState
from pipeline.stages import consent
from pipeline.store import campaigns, suppressions
from tests.integration.world import BUSINESS, CAMPAIGN, NOW, World, numbers

LEASE = NOW + timedelta(seconds=60)

# Country, what its consent differs in from a perfect one (None: there is none), what comes out.
CASES: Sequence[tuple[str, str, Mapping[str, Any] | None, str | None]] = (
    ("a perfect consent", "US", {}, None),
    ("none", "US", None, "no_consent"),
    ("one that was taken back", "US", {"revoked_at": NOW - timedelta(days=1)}, "consent_revoked"),
    ("one for WhatsApp", "US", {"channel": Channel.WHATSAPP}, "channel_not_allowed"),
    ("one for another topic", "US", {"topics": frozenset({"news"})}, "topic_mismatch"),
    ("one without its second step", "BR", {"confirmed_at": None}, "consent_unconfirmed"),
    ("one without a trace", "BR", {"ip": None}, "consent_evidence_incomplete"),
    ("one with a wrong CPF", "BR", {"cpf_valid": False}, "consent_invalid"),
    ("one to another business", "US", {"business": "other"}, "no_consent"),
    ("one for another category", "US", {"category": Category.PUBLIC_SERVICE}, "no_consent"),
    ("one of a month ago in Peru", "PE", {}, None),
    ("one that is too old", "PE", {"granted_at": NOW - timedelta(days=200)}, "consent_expired"),
    ("a box that was ticked already", "ES", {"pre_ticked": True}, "consent_invalid"),
    ("no sender in the country", "IN", {}, "sender_unregistered"),
    ("no rules for the country", "JP", {}, "no_policy"),
)
JAPAN = "+819012345678"


def _run(world: World, ids: Sequence[int]) -> list[int]:
    with world.runtime.transaction() as connection:
        return consent.run(connection, ids, books=world.runtime.books, now=NOW, lease=LEASE)


def _messages(world: World, people: Sequence[int]) -> list[int]:
    """A message a case, from a campaign for the case's country."""
    made = {
        country: world.campaign(country, country=country if country != "JP" else "US")
        for country in {case[1] for case in CASES}
    }
    return [
        world.messages(made[case[1]], [person], MessageState.ACCEPTED)[0]
        for person, case in zip(people, CASES, strict=True)
    ]


def _people(world: World) -> list[int]:
    """A person a case, with the consent of the case."""
    phones: dict[str, list[str]] = {
        country: numbers(len(CASES), country) for country in ("US", "BR", "ES", "PE", "IN")
    }
    phones["JP"] = [JAPAN]
    people = world.contacts(phones[country].pop() for _, country, _, _ in CASES)
    for person, (_, _, changes, _) in zip(people, CASES, strict=True):
        if changes is not None:
            world.consent([person], **changes)
    return people


def _senders(world: World) -> None:
    world.sender("us")
    world.sender("br", country="BR", registration=BRAZIL)
    world.sender("es", country="ES", registration=None)
    world.sender("pe", country="PE", registration=None)


BRAZIL = {"kind": "operator", "status": "approved", "cnpj": "11222333000181", "template": "offer"}


def test_every_obstacle_has_its_reason_and_the_others_go_on(world: World) -> None:
    _senders(world)
    ids = _messages(world, _people(world))

    onward = _run(world, ids)

    found = {case[0]: world.row(id_) for case, id_ in zip(CASES, ids, strict=True)}
    assert {name: row.reason for name, row in found.items()} == {
        name: reason for name, _, _, reason in CASES
    }
    assert sorted(onward) == sorted(row.id for row in found.values() if row.state == "consented")
    for row in found.values():
        blocked = row.reason is not None
        outcome = "block" if blocked else "send"
        assert row.state == ("blocked" if blocked else "consented")
        assert world.decisions(row.id) == [("consent", outcome, row.reason)]
        assert row.lease_until == (None if blocked else LEASE)
        assert (row.sender_id is None) == blocked


def test_the_decision_names_the_rule_the_policy_and_the_consent(world: World) -> None:
    world.sender()
    (person,) = world.contacts(numbers(1))
    world.consent([person])
    (message,) = world.messages(world.campaign(), [person], MessageState.ACCEPTED)

    _run(world, [message])

    (decision,) = world.query("SELECT * FROM decisions")
    (event,) = world.query("SELECT id FROM consent_events ORDER BY id DESC LIMIT 1")
    assert decision.rule.startswith("us_")
    assert decision.policy.startswith("US-")
    assert decision.detail == {"consent": event.id}


def test_a_chunk_that_comes_again_changes_nothing(world: World) -> None:
    _senders(world)
    ids = _messages(world, _people(world))
    _run(world, ids)
    before = world.everything()

    assert _run(world, ids) == []
    assert world.everything() == before


def test_two_runs_side_by_side_hand_each_message_on_once(world: World) -> None:
    world.sender()
    people = world.contacts(numbers(50))
    world.consent(people)
    ids = world.messages(world.campaign(), people, MessageState.ACCEPTED)
    onward: list[int] = []
    both = threading.Barrier(2)

    def work() -> None:
        both.wait()
        onward.extend(_run(world, ids))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(onward) == ids
    (count,) = world.query("SELECT count(*) AS n FROM decisions")
    assert count.n == len(ids)


def test_who_left_is_blocked_unless_the_message_is_transactional(world: World) -> None:
    world.sender()
    left, nobody, other = world.contacts(numbers(3))
    world.consent([left, nobody, other])
    entries = [
        (left, BUSINESS, "opt_out", NOW),
        (nobody, "*", "wrong_number", NOW),
        (other, "other", "opt_out", NOW),
    ]
    with world.runtime.transaction() as connection:
        suppressions.add(connection, entries, source="test", now=NOW)
    reasons: dict[str, list[str | None]] = {}
    for category in (Category.MARKETING, Category.TRANSACTIONAL):
        campaign = world.campaign(category.value, category=category)
        ids = world.messages(campaign, [left, nobody, other], MessageState.ACCEPTED)
        _run(world, ids)
        reasons[category.value] = [world.row(id_).reason for id_ in ids]

    assert reasons == {
        "marketing": ["suppressed", "suppressed", None],
        "transactional": [None, "suppressed", None],
    }


def test_a_variable_that_the_row_lacks_is_a_block(world: World) -> None:
    world.sender()
    people = world.contacts(numbers(2))
    world.consent(people)
    campaign = world.campaign(body=f"{CAMPAIGN.body} {{name}}", variables=("name",))
    ids = [
        *world.messages(campaign, people[:1], MessageState.ACCEPTED, variables={"name": "Ana"}),
        *world.messages(campaign, people[1:], MessageState.ACCEPTED, variables={"first": "Ana"}),
    ]

    _run(world, ids)

    assert [world.row(id_).reason for id_ in ids] == [None, "content_variable_missing"]


def test_messages_of_a_campaign_that_is_over_end(world: World) -> None:
    world.sender()
    (person,) = world.contacts(numbers(1))
    world.consent([person])
    cancelled = world.campaign("cancelled")
    ids = [
        *world.messages(cancelled, [person], MessageState.ACCEPTED),
        *world.messages(world.campaign("late", expires_at=NOW), [person], MessageState.ACCEPTED),
    ]
    with world.runtime.transaction() as connection:
        campaigns.set_state(connection, "cancelled", CampaignState.CANCELLED, reason=None, now=NOW)

    assert _run(world, ids) == []
    assert list(world.states(ids).values()) == ["cancelled", "expired"]
    assert [world.row(id_).reason for id_ in ids] == ["cancelled", "expired"]


def test_a_block_tells_what_was_seen_and_nothing_in_clear(world: World) -> None:
    _senders(world)
    (person,) = world.contacts(numbers(1, "BR"))
    world.consent([person], ip="unknown")
    (message,) = world.messages(world.campaign(), [person], MessageState.ACCEPTED)

    _run(world, [message])

    (decision,) = world.query("SELECT rule, detail FROM decisions")
    assert decision.rule == "br_consent_evidence"
    month_ago = (NOW - timedelta(days=30)).isoformat()
    assert decision.detail["saw"] == {
        "consents": 1,
        "granted_at": month_ago,
        "confirmed_at": month_ago,
        "method": "web",
        "source": "checkout",
        "missing": ["ip"],
    }
