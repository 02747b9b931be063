"""How many messages a courier takes on: more while all start in time, fewer when one is late."""

from workers.courier.admission import FIRST, SMALLEST, Admission, ClaimRound


def test_it_doubles_until_the_first_is_late_and_never_grows_beyond_its_capacity() -> None:
    admission = Admission(capacity=5 * FIRST, claim_size=1000)
    rooms = []
    for _ in range(4):
        _pass_through(admission, admission.room())
        rooms.append(admission.room())
    assert rooms == [2 * FIRST, 4 * FIRST, 5 * FIRST, 5 * FIRST]


def test_once_one_was_late_it_grows_by_a_quarter_of_what_is_claimed() -> None:
    admission = Admission(capacity=1000, claim_size=1000)
    admission.late(ClaimRound(began=0.0, ended=0.01), slot=0.02, moment=0.04)
    _pass_through(admission, 48)
    assert admission.room() == int(FIRST * 0.75) + 12


def test_what_was_claimed_before_it_shrank_does_not_shrink_it_again() -> None:
    admission = Admission(capacity=1000, claim_size=1000)
    first, second = ClaimRound(began=0.0, ended=0.01), ClaimRound(began=0.01, ended=0.02)
    admission.late(first, slot=0.02, moment=0.04)
    admission.late(first, slot=0.03, moment=0.05)
    admission.late(second, slot=0.03, moment=0.05)
    assert admission.room() == int(FIRST * 0.75)


def test_what_was_claimed_after_it_shrank_shrinks_it_again() -> None:
    admission = Admission(capacity=1000, claim_size=1000)
    admission.late(ClaimRound(began=0.0, ended=0.01), slot=0.02, moment=0.04)
    admission.late(ClaimRound(began=0.05, ended=0.06), slot=0.07, moment=0.09)
    assert admission.room() == int(FIRST * 0.75 * 0.75)


def test_a_slow_claim_is_not_held_against_the_event_loop() -> None:
    admission = Admission(capacity=1000, claim_size=1000)
    admission.late(ClaimRound(began=0.0, ended=0.5), slot=0.1, moment=0.5)
    assert admission.room() == FIRST


def test_it_never_shrinks_to_nothing() -> None:
    admission = Admission(capacity=1000, claim_size=1000)
    for second in range(50):
        claim = ClaimRound(began=float(second), ended=second + 0.01)
        admission.late(claim, slot=second + 0.02, moment=second + 0.04)
    assert admission.room() == SMALLEST


def test_it_waits_until_a_claim_is_worth_its_commit() -> None:
    admission = Admission(capacity=FIRST, claim_size=1000)
    admission.claimed(FIRST)
    for _ in range(FIRST // 2 - 1):
        admission.finished()
    assert admission.room() == 0
    admission.finished()
    assert admission.room() == FIRST // 2


def test_half_a_claim_is_worth_its_commit_however_wide_the_window() -> None:
    admission = Admission(capacity=1000, claim_size=100)
    while admission.room() > 0:
        admission.claimed(admission.room())
    while admission.room() == 0:
        admission.finished()
    assert admission.room() == 50


def test_a_claim_is_never_larger_than_it_may_be() -> None:
    assert Admission(capacity=1000, claim_size=10).room() == 10


def _pass_through(admission: Admission, messages: int) -> None:
    """Claim so many, and have them answered."""
    admission.claimed(messages)
    for _ in range(messages):
        admission.finished()
