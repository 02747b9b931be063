"""Texts of several parts: what is written down of them with the answer."""

from pipeline.policy.vocabulary import MessageState
from pipeline.providers.base import Accepted, Ambiguous, SendResult
from pipeline.stages import answers
from tests.integration.stages.test_answers import ANSWERED, claim
from tests.integration.world import NOW, World, numbers


def _answered(world: World, result: SendResult) -> int:
    sender = world.sender()
    people = world.contacts(numbers(1))
    ids = world.messages(world.campaign(), people, MessageState.READY, sender_id=sender.id)
    (claimed,) = claim(world, ids)
    answer = answers.read(claimed, result, sent_at=NOW)
    with world.runtime.transaction() as connection:
        answers.record(
            connection, [answer], books=world.runtime.books, now=ANSWERED, machine_now=ANSWERED
        )
    return claimed.parcel.id


def _explanation(world: World) -> str | None:
    (row,) = world.query("SELECT detail ->> 'explanation' AS said FROM decisions")
    return None if row.said is None else str(row.said)


def test_what_costs_more_than_one_sms_is_told(world: World) -> None:
    _answered(world, Accepted("SM1", segments=3))
    assert _explanation(world) == "in 3 segments"


def test_one_sms_needs_no_word(world: World) -> None:
    _answered(world, Accepted("SM1", segments=1))
    assert _explanation(world) is None


def test_the_parts_that_were_taken_of_a_text_in_doubt_are_known(world: World) -> None:
    message_id = _answered(world, Ambiguous("pieces", receipt_ids=("1", "3"), parts=3))
    rows = world.query("SELECT provider_id, message_id, parts FROM receipt_ids ORDER BY 1")
    assert [tuple(row) for row in rows] == [("1", message_id, 3), ("3", message_id, 3)]
    assert world.row(message_id).state == "in_doubt"
