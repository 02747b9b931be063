"""What becomes of messages after their attempt, over a real database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import pytest

from pipeline.policy.vocabulary import MessageState
from pipeline.providers.base import Accepted, Action, Ambiguous, Rejected, SendResult
from pipeline.stages import answers, delivery
from pipeline.stages.attempts import RETRIES, Answer
from pipeline.stages.delivery import Claimed
from pipeline.store import claims, recovery
from pipeline.store.senders import Sender
from tests.integration.world import NOW, World, directory_of, numbers

LEASE = NOW + timedelta(seconds=90)
ANSWERED = NOW + timedelta(seconds=1)


VIOLATING = Rejected(Action.HALT_SENDER, "131048", "spam", None, violation=True)


def claim(world: World, ids: Sequence[int], *, seconds: float = 0) -> list[Claimed]:
    now = NOW + timedelta(seconds=seconds)
    with world.runtime.transaction() as connection:
        parcels = claims.load(connection, ids)
        return delivery.claim(
            connection,
            parcels,
            directory=directory_of(connection, parcels),
            books=world.runtime.books,
            now=now,
            safe_until=now + timedelta(seconds=0.2),
            lease=LEASE,
        )


def claimed_messages(world: World, count: int = 1) -> list[Claimed]:
    sender = world.sender()
    people = world.contacts(numbers(count))
    ids = world.messages(world.campaign(), people, MessageState.READY, sender_id=sender.id)
    return claim(world, ids)


def record(world: World, *ends: Answer) -> None:
    with world.runtime.transaction() as connection:
        answers.record(
            connection, ends, books=world.runtime.books, now=ANSWERED, machine_now=ANSWERED
        )


def _reserved(world: World) -> tuple[int, int]:
    """What is counted towards caps, and towards quotas."""
    (caps,) = world.query("SELECT coalesce(sum(cardinality(sent)), 0) AS n FROM frequency_use")
    (quota,) = world.query("SELECT coalesce(sum(used), 0) AS n FROM quota_use")
    return caps.n, quota.n


def rejected(action: Action, retry_after: float | None = None) -> Rejected:
    return Rejected(action, "63018", "no", retry_after)


@dataclass(frozen=True, kw_only=True)
class Case:
    """An answer, and what it makes of the message.

    `kept`: whether cap and quota stay used. `sender`, `campaign`: their states afterwards.
    """

    result: SendResult | None
    started: bool = True
    state: str
    outcome: str
    kept: bool = False
    sender: str = "active"
    campaign: str = "active"
    suppressed: bool = False


CASES = {
    "taken": Case(result=Accepted("SM1"), state="sent", outcome="sent", kept=True),
    "ambiguous": Case(result=Ambiguous("?"), state="in_doubt", outcome="in_doubt", kept=True),
    "crashed": Case(result=None, state="in_doubt", outcome="in_doubt", kept=True),
    "not started": Case(result=None, started=False, state="ready", outcome="unsent"),
    "retry soon": Case(result=rejected(Action.RETRY_LATER, 20.0), state="ready", outcome="retry"),
    "retry later": Case(
        result=rejected(Action.RETRY_LATER, 3600.0), state="deferred", outcome="retry"
    ),
    "slow sender": Case(result=rejected(Action.SLOW_SENDER), state="ready", outcome="retry"),
    "slow recipient": Case(
        result=rejected(Action.SLOW_RECIPIENT, 86400.0), state="deferred", outcome="retry"
    ),
    "slow account": Case(result=rejected(Action.SLOW_ACCOUNT), state="ready", outcome="retry"),
    "fail": Case(result=rejected(Action.FAIL), state="failed", outcome="failed"),
    "filtered": Case(result=rejected(Action.FAIL_FILTERED), state="failed", outcome="failed"),
    "suppress": Case(
        result=rejected(Action.SUPPRESS), state="failed", outcome="failed", suppressed=True
    ),
    "suppress marketing": Case(
        result=rejected(Action.SUPPRESS_MARKETING),
        state="failed",
        outcome="failed",
        suppressed=True,
    ),
    "halt sender": Case(
        result=rejected(Action.HALT_SENDER), state="ready", outcome="retry", sender="suspended"
    ),
    "halt account": Case(
        result=rejected(Action.HALT_ACCOUNT), state="ready", outcome="retry", sender="suspended"
    ),
    "halt destination": Case(
        result=rejected(Action.HALT_DESTINATION),
        state="ready",
        outcome="retry",
        sender="suspended",
    ),
    "outage that is final by its table": Case(
        result=Rejected(Action.FAIL, "131016", "unavailable", None),
        state="ready",
        outcome="retry",
    ),
    "halt campaign": Case(
        result=rejected(Action.HALT_CAMPAIGN), state="ready", outcome="retry", campaign="paused"
    ),
    "halt template": Case(
        result=rejected(Action.HALT_TEMPLATE), state="ready", outcome="retry", campaign="paused"
    ),
}


def _end(case: Case, claimed: Claimed) -> Answer:
    if case.result is not None:
        return answers.read(claimed, case.result, sent_at=NOW)
    return answers.crashed(claimed, sent_at=NOW) if case.started else answers.not_started(claimed)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_an_answer_makes_of_the_message_and_of_others(world: World, case: Case) -> None:
    (claimed,) = claimed_messages(world)

    record(world, _end(case, claimed))

    row = world.row(claimed.parcel.id)
    assert row.state == case.state
    assert world.decisions(row.id) == [("delivery", case.outcome, None)]
    assert _reserved(world) == ((1, 1) if case.kept else (0, 0))
    assert [sender.state for sender in world.query("SELECT state FROM senders")] == [case.sender]
    assert [one.state for one in world.query("SELECT state FROM campaigns")] == [case.campaign]
    listed = world.query("SELECT contact_id, reason, business FROM suppressions")
    expected = [(row.contact_id, "opt_out", "acme")] if case.suppressed else []
    assert [tuple(entry) for entry in listed] == expected


def test_a_message_that_was_taken_is_known_by_the_providers_id(world: World) -> None:
    (claimed,) = claimed_messages(world)
    record(world, answers.read(claimed, Accepted("SM1"), sent_at=NOW))

    row = world.row(claimed.parcel.id)
    assert (row.provider_id, row.sent_at, row.lease_until) == ("SM1", NOW, None)


def test_a_short_pause_is_a_lease_and_a_long_one_a_deferral(world: World) -> None:
    soon, later = claimed_messages(world, 2)
    record(
        world,
        answers.read(soon, rejected(Action.RETRY_LATER, 30.0), sent_at=NOW),
        answers.read(later, rejected(Action.RETRY_LATER, 900.0), sent_at=NOW),
    )

    first, second = world.row(soon.parcel.id), world.row(later.parcel.id)
    assert (first.lease_until, first.not_before) == (ANSWERED + timedelta(seconds=30), None)
    assert (second.lease_until, second.not_before) == (None, ANSWERED + timedelta(seconds=900))


def test_the_last_refusal_that_allows_another_try_is_the_end(world: World) -> None:
    (claimed,) = claimed_messages(world)
    message = claimed.parcel.id
    for refusal in range(1, RETRIES.most_refusals):
        record(world, answers.read(claimed, rejected(Action.RETRY_LATER, 1.0), sent_at=NOW))
        assert world.row(message).state in {"ready", "deferred"}  # the pause is drawn at random
        world.execute("UPDATE messages SET state = 'ready', lease_until = NULL")
        (claimed,) = claim(world, [message], seconds=refusal)
    # What was claimed and not started in time was not refused.
    record(world, answers.not_started(claimed))
    (claimed,) = claim(world, [message], seconds=RETRIES.most_refusals)

    record(world, answers.read(claimed, rejected(Action.RETRY_LATER, 1.0), sent_at=NOW))

    assert claimed.attempt == RETRIES.most_refusals + 1
    assert (world.row(message).state, world.row(message).sent_at) == ("failed", None)


def test_a_try_that_would_come_after_the_campaigns_end_is_not_waited_for(world: World) -> None:
    sender = world.sender()
    people = world.contacts(numbers(1))
    campaign = world.campaign(expires_at=ANSWERED + timedelta(seconds=20))
    ids = world.messages(campaign, people, MessageState.READY, sender_id=sender.id)
    (claimed,) = claim(world, ids)

    record(world, answers.read(claimed, rejected(Action.RETRY_LATER, 20.0), sent_at=NOW))

    row = world.row(claimed.parcel.id)
    assert (row.state, row.reason) == ("expired", "expired")
    assert world.decisions(row.id) == [("delivery", "block", "expired")]
    assert _reserved(world) == (0, 0)


def test_a_try_that_would_come_after_the_windows_close_is_decided_again(world: World) -> None:
    sender = world.sender()
    people = world.contacts(numbers(1))
    closes = ANSWERED + timedelta(seconds=20)
    ids = world.messages(
        world.campaign(),
        people,
        MessageState.READY,
        sender_id=sender.id,
        window_closes_at=closes,
    )
    (claimed,) = claim(world, ids)

    record(world, answers.read(claimed, rejected(Action.RETRY_LATER, 20.0), sent_at=NOW))

    row = world.row(claimed.parcel.id)
    assert (row.state, row.reason, row.not_before) == ("deferred", "window_closed", closes)
    assert (row.lease_until, row.refusals) == (None, 1)
    assert _reserved(world) == (0, 0)


def test_a_country_that_is_halted_suspends_the_accounts_senders_for_it_and_no_others(
    world: World,
) -> None:
    (claimed,) = claimed_messages(world)
    world.sender("us-2")
    world.sender("us-3", provider="another")
    world.sender("br", country="BR", registration=None)

    record(world, answers.read(claimed, rejected(Action.HALT_DESTINATION), sent_at=NOW))

    states = {row.code: row.state for row in world.query("SELECT code, state FROM senders")}
    assert states == {"us": "suspended", "us-2": "suspended", "us-3": "active", "br": "active"}
    events = world.query("SELECT subject, detail FROM audit_events ORDER BY subject")
    assert [event.subject for event in events] == ["us", "us-2"]
    assert not any(event.detail["technical"] for event in events)


def test_an_account_that_cannot_be_used_halts_the_sender_and_spends_no_message(
    world: World,
) -> None:
    (claimed,) = claimed_messages(world)

    record(world, answers.misconfigured(claimed, "no provider account 'acme' in the settings"))

    assert world.row(claimed.parcel.id).state == "ready"
    (sender,) = world.query("SELECT state, state_reason FROM senders")
    assert sender.state == "suspended"
    assert "no provider account 'acme'" in sender.state_reason


def test_two_messages_of_one_person_that_come_back_together_give_both_back(world: World) -> None:
    sender = world.sender()
    (person,) = world.contacts(numbers(1))
    ids = [
        world.messages(world.campaign(code), [person], MessageState.READY, sender_id=sender.id)[0]
        for code in ("a", "b", "c")
    ]
    claimed = [claim(world, [id_], seconds=at)[0] for at, id_ in enumerate(ids)]
    assert _reserved(world) == (3, 3)

    record(world, *(answers.not_started(one) for one in claimed[:2]))

    assert _reserved(world) == (1, 1)
    (left,) = world.query("SELECT sent FROM frequency_use")
    assert left.sent == [claimed[2].claimed_at]


def test_an_account_that_is_halted_suspends_all_its_senders_and_no_others(world: World) -> None:
    (claimed,) = claimed_messages(world)
    others: list[Sender] = [world.sender("us-2"), world.sender("us-3", provider="another")]

    record(world, answers.read(claimed, rejected(Action.HALT_ACCOUNT), sent_at=NOW))

    states = {row.code: row.state for row in world.query("SELECT code, state FROM senders")}
    assert states == {"us": "suspended", others[0].code: "suspended", others[1].code: "active"}


def test_a_late_answer_settles_a_message_that_was_put_in_doubt(world: World) -> None:
    taken, refused = claimed_messages(world, 2)
    late = LEASE + timedelta(seconds=1)
    with world.runtime.transaction() as connection:
        recovery.recover(
            connection,
            now=NOW,
            machine_now=late,
            unstaged_before=late,
            lease=late + timedelta(seconds=60),
            most=10,
        )
    assert set(world.states().values()) == {"in_doubt"}

    record(
        world,
        answers.read(taken, Accepted("SM1"), sent_at=NOW),
        answers.read(refused, rejected(Action.FAIL), sent_at=NOW),
    )

    assert world.row(taken.parcel.id).state == "sent"
    assert world.row(refused.parcel.id).state == "failed"
    assert _reserved(world) == (1, 1)


def test_an_answer_to_an_older_attempt_changes_nothing(world: World) -> None:
    (first,) = claimed_messages(world)
    record(world, answers.not_started(first))
    (second,) = claim(world, [first.parcel.id], seconds=2)
    before = world.everything(), _reserved(world)

    record(world, answers.read(first, Accepted("SM1"), sent_at=NOW))
    record(world, answers.not_started(first))

    assert second.attempt == 2
    assert (world.everything(), _reserved(world)) == before


def test_the_same_answer_again_changes_nothing(world: World) -> None:
    (claimed,) = claimed_messages(world)
    answer = answers.read(claimed, Accepted("SM1"), sent_at=NOW)
    record(world, answer)
    before = world.everything(), _reserved(world)

    record(world, answer)

    assert (world.everything(), _reserved(world)) == before
