"""The lines of notices in a lane's process."""

from pipeline.policy.vocabulary import Channel
from pipeline.store.notices import Notice, NoticeKind
from workers.lane.lines import NoticeLines


def _notice(id_: int, sender: int = 1) -> Notice:
    return Notice(
        id=id_,
        inbound_id=-id_,
        kind=NoticeKind.HELP,
        contact_id=1,
        business="acme",
        body="Acme",
        phone="+12025550100",
        country="US",
        received_by=sender,
        sender_id=sender,
        channel=Channel.SMS,
        address="us",
        provider="sandbox",
        rate_per_second=1.0,
        attempt=0,
    )


def _picked(lines: NoticeLines, room: int, most: int = 10, **busy: int) -> dict[int, list[int]]:
    taken = lines.pick(room, most, {int(name[1:]): count for name, count in busy.items()}, 0.0)
    return {sender: [entry.notice.id for entry in entries] for sender, entries in taken.items()}


def test_a_notice_is_here_once_until_it_is_forgotten() -> None:
    lines = NoticeLines()
    lines.add([_notice(-1), _notice(-1)])
    assert _picked(lines, 5) == {1: [-1]}
    lines.add([_notice(-1)])  # it is on the wire
    assert _picked(lines, 5) == {}
    lines.forget(-1)
    lines.add([_notice(-1)])
    assert _picked(lines, 5) == {1: [-1]}


def test_a_sender_that_is_slow_to_answer_leaves_room_for_others() -> None:
    lines = NoticeLines()
    lines.add([_notice(-id_) for id_ in range(1, 20)])
    lines.add([_notice(-20, sender=2)])
    assert _picked(lines, 100, most=3, s1=1) == {1: [-1, -2], 2: [-20]}
    assert _picked(lines, 100, most=3, s1=3) == {}


def test_what_comes_back_is_the_first_again() -> None:
    lines = NoticeLines()
    lines.add([_notice(-1), _notice(-2), _notice(-3)])
    taken = lines.pick(2, 10, {}, 0.0)
    lines.put_back(taken[1])
    assert _picked(lines, 5) == {1: [-1, -2, -3]}
    assert len(lines) == 0


def test_no_slots_are_asked_for_before_their_time_or_for_a_busy_sender() -> None:
    lines = NoticeLines()
    assert lines.next_try(10, {}, 0.0) is None
    lines.add([_notice(-1)])
    lines.try_again_at(1, 5.0)
    assert _picked(lines, 5) == {}
    assert lines.next_try(10, {}, 2.0) == 3.0
    assert lines.next_try(10, {1: 10}, 2.0) is None
    assert lines.next_try(10, {}, 9.0) == 0.0
