"""How many messages a courier takes on: more while all start in time, fewer when one is late."""

from workers.courier.admission import FIRST, SMALLEST, Admission, ClaimRound


def test_it_grows_with_claims_that_were_in_time_and_never_beyond_its_capacity() -> None:
    admission = Admission(capacity=FIRST + 5, claim_size=1000)
    rooms = []
    for _ in range(4):
        admission.claimed(0)
        rooms.append(admission.room())
    assert rooms == [FIRST + 4, FIRST + 5, FIRST + 5, FIRST + 5]


def test_a_claim_with_late_messages_shrinks_it_once() -> None:
    admission = Admission(capacity=1000, claim_size=1000)
    claim = ClaimRound(began=0.0, ended=0.01)
    admission.late(claim, slot=0.02)
    admission.late(claim, slot=0.03)
    assert admission.room() == int(FIRST * 0.75)


def test_a_slow_claim_is_not_held_against_the_event_loop() -> None:
    admission = Admission(capacity=1000, claim_size=1000)
    admission.late(ClaimRound(began=0.0, ended=0.5), slot=0.1)
    assert admission.room() == FIRST


def test_it_never_shrinks_to_nothing() -> None:
    admission = Admission(capacity=1000, claim_size=1000)
    for _ in range(50):
        admission.late(ClaimRound(began=0.0, ended=0.01), slot=0.02)
    assert admission.room() == SMALLEST


def test_it_waits_until_a_claim_is_worth_its_commit() -> None:
    admission = Admission(capacity=FIRST, claim_size=1000)
    admission.claimed(FIRST)
    for _ in range(FIRST // 4 - 1):
        admission.finished()
    assert admission.room() == 0
    admission.finished()
    assert admission.room() == FIRST // 4


def test_a_claim_is_never_larger_than_it_may_be() -> None:
    assert Admission(capacity=1000, claim_size=10).room() == 10
