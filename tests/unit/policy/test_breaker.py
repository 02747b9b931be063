"""When an account needs a rest, and for how long."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.policy.breaker import BreakerPolicy, Sign, Tally

POLICY = BreakerPolicy()

signs = st.sampled_from(list(Sign))
steps = st.lists(st.tuples(signs, st.floats(0.0, 4.0)), max_size=80)


def _opens(*signs: Sign, gap: float = 0.1) -> list[bool]:
    tally = Tally(POLICY)
    return [tally.add(sign, place * gap) for place, sign in enumerate(signs)]


@given(steps)
def test_it_opens_exactly_when_enough_of_the_last_answers_were_failures(
    found: list[tuple[Sign, float]],
) -> None:
    """Beside a plain count over everything since it opened last."""
    tally = Tally(POLICY)
    seen: list[tuple[float, Sign]] = []
    unready: float | None = None
    moment = 0.0
    for sign, gap in found:
        moment += gap
        seen.append((moment, sign))
        if sign is Sign.UNREADY:
            unready = moment if unready is None else unready
        elif sign in (Sign.ANSWERED, Sign.FAILED):
            unready = None
        recent = [one for at, one in seen if at > moment - POLICY.window]
        failed = recent.count(Sign.FAILED)
        answers = failed + recent.count(Sign.ANSWERED)
        expected = {
            Sign.FULL: True,
            Sign.FAILED: failed >= POLICY.failures and failed >= POLICY.share * answers,
            Sign.UNREADY: unready is not None and moment - unready >= POLICY.window,
        }.get(sign, False)
        assert tally.add(sign, moment) is expected
        if expected:
            seen, unready = [], None


def test_answers_and_peoples_mistakes_never_open_it() -> None:
    assert not any(_opens(*[Sign.ANSWERED] * 500))
    assert not any(_opens(*[Sign.NOTHING] * 500))


def test_one_failure_in_three_is_borne() -> None:
    assert not any(_opens(*[Sign.ANSWERED, Sign.ANSWERED, Sign.FAILED] * 100))


def test_failures_that_lie_far_apart_do_not_add_up() -> None:
    assert not any(_opens(*[Sign.FAILED] * 20, gap=POLICY.window / 4))


def test_without_any_connection_for_the_whole_window_it_opens() -> None:
    waiting = [Sign.UNREADY] * 200
    assert not any(_opens(*waiting[:99]))
    assert any(_opens(*waiting))
    assert not any(_opens(*[*[Sign.UNREADY] * 50, Sign.ANSWERED] * 4))


@given(st.integers(1, 10_000), st.floats(0.0, 1.0), st.none() | st.floats(0.0, 86_400.0))
def test_rests_grow_and_stay_bounded_but_for_what_the_provider_asks(
    count: int, chance: float, retry_after: float | None
) -> None:
    rest = POLICY.rest(count, chance=chance, retry_after=retry_after)
    asked = retry_after or 0.0
    assert max(asked, 0.75 * POLICY.first_rest) <= rest <= max(asked, POLICY.longest_rest)
    assert rest <= POLICY.rest(count + 1, chance=chance, retry_after=retry_after)
