"""The lines of a courier: fair, bounded by each sender's rate, each message once."""

from pipeline.policy.sender import SenderState
from pipeline.policy.vocabulary import Channel, Tier
from pipeline.store.claims import Parcel
from pipeline.store.senders import Sender
from workers.courier.lines import LONGEST_WAIT, PATIENCE, Lines

SPAN = 0.1


def sender(number: int, rate: float = 1000.0) -> Sender:
    return Sender(
        id=number,
        code=f"s{number}",
        business="acme",
        country="US",
        channel=Channel.SMS,
        address=f"s{number}",
        provider="sandbox",
        rate_per_second=rate,
        tier=Tier.HIGH,
        state=SenderState.ACTIVE,
    )


def parcel(number: int, sender_id: int = 1) -> Parcel:
    return Parcel(
        id=number,
        campaign_id=1,
        contact_id=number,
        sender_id=sender_id,
        phone="+12125550100",
        country="US",
        state=None,
        zones=("America/New_York",),
        variables={},
        window_closes_at=None,
        refusals=0,
    )


def lines(*senders: Sender) -> Lines:
    made = Lines(SPAN)
    made.know(senders)
    return made


def test_a_message_that_waits_already_is_not_queued_again() -> None:
    waiting = lines(sender(1))
    waiting.add([parcel(1), parcel(2)], now=0.0)
    waiting.add([parcel(2), parcel(3), parcel(3)], now=1.0)

    picked = waiting.pick(10, now=1.0)

    assert [one.id for one, _ in picked[1]] == [1, 2, 3]
    assert len(waiting) == 0


def test_senders_share_the_room_and_a_slow_one_takes_no_more_than_it_can_send() -> None:
    waiting = lines(sender(1), sender(2), sender(3, rate=5.0))
    for number in (1, 2, 3):
        waiting.add([parcel(100 * number + i, number) for i in range(40)], now=0.0)

    picked = waiting.pick(41, now=0.0)

    assert {number: len(taken) for number, taken in picked.items()} == {1: 20, 2: 20, 3: 1}


def test_a_sender_whose_slots_are_far_off_is_left_alone_until_they_are_near() -> None:
    waiting = lines(sender(1), sender(2))
    waiting.add([parcel(1, 1), parcel(2, 2)], now=0.0)
    waiting.try_again_at(1, 5.0)

    assert list(waiting.pick(10, now=0.0)) == [2]
    assert waiting.next_try(2.0) == 3.0
    assert list(waiting.pick(10, now=5.0)) == [1]
    assert waiting.next_try(5.0) is None


def test_what_comes_back_keeps_its_place_until_it_has_waited_too_long() -> None:
    waiting = lines(sender(1))
    waiting.add([parcel(1), parcel(2), parcel(3)], now=0.0)
    picked = waiting.pick(2, now=0.0)

    assert waiting.put_back(picked[1], now=1.0) == []
    assert [one.id for one, _ in waiting.pick(3, now=1.0)[1]] == [1, 2, 3]
    assert sorted(waiting.put_back(picked[1], now=PATIENCE + 0.1)) == [1, 2]
    assert len(waiting) == 0


def test_what_nobody_asks_a_slot_for_goes_back_before_its_lease_runs_out() -> None:
    """All that may be on the wire is, and nothing of it ends."""
    waiting = lines(sender(1), sender(2))
    waiting.add([parcel(1), parcel(2, sender_id=2)], now=0.0)
    waiting.add([parcel(3)], now=20.0)

    assert waiting.take_old(LONGEST_WAIT) == []
    assert waiting.take_old(LONGEST_WAIT + 0.1) == [1, 2]
    assert [one.id for one, _ in waiting.pick(9, now=21.0)[1]] == [3]
