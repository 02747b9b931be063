"""A look-up knows a message by its words: another one with the same must not pass for it."""

from datetime import timedelta

import pytest

from pipeline.policy.look_ups import LookUpPlan
from pipeline.policy.vocabulary import MessageState
from pipeline.providers.base import Found
from pipeline.stages import doubts
from pipeline.stages.doubts import LookedUp
from pipeline.store import look_ups
from tests.integration.world import NOW, World, numbers


def _messages(world: World, other: MessageState, **columns: str) -> tuple[int, int]:
    """Two messages of one person, from one sender: one in doubt, and one of another campaign."""
    sender = world.sender()
    people = world.contacts(numbers(1))
    same = {"sender_id": sender.id, "attempt": 1}
    first, second = world.campaign("first"), world.campaign("second", country="US", **columns)
    (doubted,) = world.messages(first, people, MessageState.IN_DOUBT, in_doubt_at=NOW, **same)
    held = {"provider_id": "SM1", "sent_at": NOW} if other is MessageState.SENT else {}
    (sibling,) = world.messages(second, people, other, **same, **held)
    return doubted, sibling


def _find(world: World) -> LookedUp:
    later = NOW + timedelta(minutes=1)
    with world.runtime.transaction() as connection:
        look_ups.tidy(connection, ["sandbox"], first=NOW, machine_now=NOW, most=9)
        due = look_ups.take(connection, "sandbox", machine_now=NOW, lease=later, most=9)
        findings = [(message, Found("SM1")) for message in due]
        return doubts.settle_by_look_up(
            connection, findings, plan=LookUpPlan(), now=later, machine_now=later
        )


@pytest.mark.parametrize("other", [MessageState.SENT, MessageState.SENDING, MessageState.IN_DOUBT])
def test_what_another_message_may_be_proves_nothing(world: World, other: MessageState) -> None:
    doubted, _ = _messages(world, other)

    done = _find(world)

    assert not done.sent
    assert doubted in done.open
    assert world.row(doubted).state == "in_doubt"


def test_a_message_with_other_words_is_no_rival(world: World) -> None:
    doubted, _ = _messages(world, MessageState.SENDING, body="Something else. Reply STOP.")

    assert _find(world).sent == [doubted]
