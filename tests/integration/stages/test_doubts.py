"""What is in doubt is settled by evidence, in whatever order it comes, and never sent blindly."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from pipeline.policy.look_ups import LookUpPlan
from pipeline.policy.quota import bucket_of
from pipeline.policy.vocabulary import CampaignState, MessageState
from pipeline.providers.base import Accepted, Ambiguous, Finding, Found, NotFound
from pipeline.stages import answers, doubts
from pipeline.stages.attempts import Answer
from pipeline.stages.delivery import Claimed
from pipeline.stages.doubts import LookedUp, Verdict
from pipeline.store import audit, campaigns, endings, look_ups, recovery, statuses
from pipeline.store.audit import AuditAction
from pipeline.store.doubts import DoubtFilter, listed, totals
from pipeline.store.look_ups import DoubtedMessage
from pipeline.store.statuses import Progress
from tests.integration.stages.test_delivery import LEASE, claim
from tests.integration.world import NOW, World, numbers

MINUTE = timedelta(minutes=1)
PLAN = LookUpPlan()
ACCOUNTS = ["sandbox"]
LATER = NOW + 3 * MINUTE
"""When the evidence comes."""


def _claimed(world: World, count: int = 1) -> list[Claimed]:
    sender = world.sender()
    people = world.contacts(numbers(count))
    ids = world.messages(world.campaign(), people, MessageState.READY, sender_id=sender.id)
    return claim(world, ids)


def doubted(world: World, count: int = 1) -> list[Claimed]:
    """Messages whose worker has ended between claiming and recording."""
    claimed = _claimed(world, count)
    with world.runtime.transaction() as connection:
        recovery.recover(
            connection,
            now=NOW + 2 * MINUTE,
            machine_now=LEASE + MINUTE,
            unstaged_before=LEASE,
            lease=LEASE,
            most=100,
        )
    assert set(world.states([one.parcel.id for one in claimed]).values()) == {"in_doubt"}
    return claimed


def _record(world: World, *found: Answer) -> None:
    with world.runtime.transaction() as connection:
        answers.record(connection, found, books=world.runtime.books, now=LATER, machine_now=LATER)


def look(world: World, minutes: float, *findings: Finding) -> LookedUp | None:
    """One round of a looker, so many minutes after the doubt; None: there was nothing to do."""
    at = LATER + timedelta(minutes=minutes)
    with world.runtime.transaction() as connection:
        first = at + timedelta(seconds=PLAN.first)
        look_ups.tidy(connection, ACCOUNTS, first=first, machine_now=at, most=100)
        due = look_ups.take(connection, "sandbox", machine_now=at, lease=at + MINUTE, most=100)
    if not due:
        return None
    return _settle(world, due, findings, minutes)


def _settle(
    world: World, due: Sequence[DoubtedMessage], findings: Sequence[Finding], minutes: float
) -> LookedUp:
    with world.runtime.transaction() as connection:
        return doubts.settle_by_look_up(
            connection,
            list(zip(due, findings, strict=True)),
            plan=PLAN,
            now=LATER,
            machine_now=LATER + timedelta(minutes=minutes),
        )


def _operate(world: World, ids: Sequence[int], verdict: Verdict) -> list[int]:
    with world.runtime.transaction() as connection:
        settled = doubts.settle_by_operator(
            connection,
            ids,
            verdict,
            actor="ana",
            reason="the provider's console",
            now=LATER,
            machine_now=LATER,
        )
    return [one.id for one in settled]


def hear_status(world: World, message_id: int, state: MessageState = MessageState.SENT) -> None:
    progress = Progress(
        message_id=message_id, state=state, label=state.value, provider_id="SM9", at=LATER
    )
    with world.runtime.transaction() as connection:
        statuses.advance(connection, [progress], now=LATER)


def reserved(world: World) -> tuple[int, int]:
    """(messages counted towards caps, messages counted towards quotas)."""
    caps = world.query("SELECT coalesce(sum(cardinality(sent)), 0) AS n FROM frequency_use")
    used = world.query("SELECT coalesce(sum(used), 0) AS n FROM quota_use")
    return caps[0].n, used[0].n


def test_a_doubt_knows_since_when_and_forgets_when_it_is_settled(world: World) -> None:
    lost, unread = _claimed(world, 2)
    _record(world, answers.read(unread, Ambiguous("no answer in time"), sent_at=NOW))
    assert world.row(unread.parcel.id).in_doubt_at == NOW
    with world.runtime.transaction() as connection:
        assert totals(connection).amount == 1
        (shown,) = listed(connection, DoubtFilter(), most=10)
    assert (shown.id, shown.explanation) == (unread.parcel.id, "no answer in time")
    assert (shown.campaign, shown.sender, shown.account) == ("us", "us", "sandbox")

    hear_status(world, unread.parcel.id)
    _record(world, answers.read(lost, Accepted("SM1"), sent_at=NOW))
    assert {world.row(one.parcel.id).in_doubt_at for one in (lost, unread)} == {None}


def test_only_the_message_that_never_left_gives_back_its_cap(world: World) -> None:
    (claimed,) = doubted(world)
    world.execute(
        "UPDATE frequency_use SET sent = sent || CAST(:other AS timestamptz)", other=NOW - MINUTE
    )
    world.execute(
        "INSERT INTO quota_use SELECT sender_id, bucket - interval '1h', 7 FROM quota_use"
    )

    assert _operate(world, [claimed.parcel.id], Verdict.UNSENT) == [claimed.parcel.id]

    assert [row.sent for row in world.query("SELECT sent FROM frequency_use")] == [[NOW - MINUTE]]
    used = {row.bucket: row.used for row in world.query("SELECT bucket, used FROM quota_use")}
    assert used == {bucket_of(NOW): 0, bucket_of(NOW) - timedelta(hours=1): 7}


EVIDENCE = ("status", "answer", "found", "absent", "sent", "unsent")


@pytest.mark.parametrize("first", EVIDENCE)
@pytest.mark.parametrize("second", EVIDENCE)
def test_evidence_in_any_order(world: World, first: str, second: str) -> None:
    """That it was sent wins whenever it comes; what says that it was not never undoes that."""
    (claimed,) = doubted(world)
    id_ = claimed.parcel.id
    look(world, 0)
    with world.runtime.transaction() as connection:
        at = LATER + MINUTE
        due = look_ups.take(connection, "sandbox", machine_now=at, lease=at, most=1)
    world.execute("UPDATE look_ups SET looked = 3, not_found = 1")
    (known,) = due
    late = DoubtedMessage(
        **{name: getattr(known, name) for name in DoubtedMessage.__slots__}
        | {"looked": 3, "not_found": 1}
    )

    def happens(what: str) -> None:
        match what:
            case "status":
                hear_status(world, id_)
            case "answer":
                _record(world, answers.read(claimed, Accepted("SM1"), sent_at=NOW))
            case "found":
                _settle(world, [late], [Found("SM1")], 1)
            case "absent":
                _settle(world, [late], [NotFound()], 1)
            case _:
                _operate(world, [id_], Verdict(what))

    happens(first)
    happens(second)

    # Look-ups and operators speak of what is in doubt alone; a provider's own word always counts.
    proof = {"status", "answer"}
    was_sent = first in {*proof, "found", "sent"} or second in proof
    row = world.row(id_)
    assert row.state == ("sent" if was_sent else "failed")
    assert row.in_doubt_at is None
    assert claim(world, [id_]) == []


def test_again_decides_anew_and_an_older_attempts_word_still_counts(world: World) -> None:
    first, second = doubted(world, 2)
    ids = [first.parcel.id, second.parcel.id]
    assert _operate(world, ids, Verdict.AGAIN) == ids
    rows = [world.row(id_) for id_ in ids]
    assert {(row.state, row.lease_until) for row in rows} == {("accepted", LATER)}
    assert reserved(world) == (0, 0)

    hear_status(world, ids[0])
    _record(world, answers.read(second, Accepted("SM1"), sent_at=NOW))

    assert set(world.states(ids).values()) == {"sent"}
    assert _operate(world, ids, Verdict.UNSENT) == []


def test_again_in_a_campaign_that_is_over_ends_with_it(world: World) -> None:
    (claimed,) = doubted(world)
    with world.runtime.transaction() as connection:
        campaigns.set_state(connection, "us", CampaignState.CANCELLED, reason="test", now=LATER)
        endings.sweep_ended(connection, now=LATER, most=10)
    assert world.query("SELECT swept FROM campaigns")[0].swept

    _operate(world, [claimed.parcel.id], Verdict.AGAIN)
    with world.runtime.transaction() as connection:
        endings.sweep_ended(connection, now=LATER, most=10)

    assert world.row(claimed.parcel.id).state == "cancelled"


@pytest.mark.parametrize("end", ["blocked", "expired", "cancelled"])
def test_a_late_answer_tells_the_truth_of_what_was_to_be_decided_anew_and_has_ended(
    world: World, end: str
) -> None:
    (claimed,) = doubted(world)
    id_ = claimed.parcel.id
    _operate(world, [id_], Verdict.AGAIN)
    world.execute(
        "UPDATE messages SET state = CAST(:end AS message_state), reason = 'expired'", end=end
    )

    _record(world, answers.read(claimed, Ambiguous("no answer in time"), sent_at=NOW))
    assert world.row(id_).state == end
    _record(world, answers.read(claimed, Accepted("SM1"), sent_at=NOW))
    row = world.row(id_)
    assert (row.state, row.reason, row.sent_at) == ("sent", None, NOW)


def test_the_trail_tells_who_settled_a_campaigns_doubts_and_why(world: World) -> None:
    claimed = doubted(world, 3)
    ids = [one.parcel.id for one in claimed]
    hear_status(world, ids[2])

    _operate(world, ids, Verdict.SENT)
    _operate(world, ids, Verdict.SENT)

    with world.runtime.transaction() as connection:
        (event,) = audit.listed(connection, subject="us")
    assert (event.action, event.actor) == (AuditAction.DOUBTS_SETTLED, "ana")
    assert event.detail == {"as": "sent", "messages": 2}
    assert world.row(ids[0]).sent_at == NOW
