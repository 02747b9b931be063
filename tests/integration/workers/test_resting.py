"""Accounts that rest: who stops, who tries, and who goes on."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from pipeline.limits.pace import KEEPS, Pace
from pipeline.policy.vocabulary import MessageState
from pipeline.providers.base import Action, Ambiguous, Rejected
from pipeline.store import account_rests
from pipeline.store.senders import Sender
from tests.integration.workers.carriers import Carriers, Told, carrying
from tests.integration.workers.conftest import Belt
from tests.integration.world import NOW, World, numbers
from workers.accounts import BREAKER
from workers.clock import machine_now

pytestmark = pytest.mark.usefixtures("still")

WaitFor = Callable[..., None]

UNREACHABLE = Rejected(Action.RETRY_LATER, "unreachable", "refused", None)
SECOND = timedelta(seconds=1)


def _waiting(world: World, sender: Sender, count: int, *, code: str = "us") -> list[int]:
    """Ready messages to people of Spain, where no cap binds."""
    people = world.contacts(numbers(count, "ES"))
    return world.messages(
        world.campaign(code, country="ES"), people, MessageState.READY, sender_id=sender.id
    )


def _spanish(world: World, code: str, **changes: object) -> Sender:
    return world.sender(code, **({"country": "ES", "registration": None} | changes))


def _rests(world: World) -> dict[str, account_rests.Rest]:
    with world.runtime.transaction() as connection:
        return account_rests.read(connection)


def _until_resting(carriers: Carriers, world: World, wait_for: WaitFor) -> None:
    def resting() -> bool:
        carriers.round()
        return bool(_rests(world))

    wait_for(resting, what="the account to rest")


def _end_rests(world: World) -> None:
    """The rest is over: nobody need wait for it."""
    world.execute("UPDATE account_rests SET rests_until = :past", past=machine_now() - SECOND)


def test_an_account_that_cannot_be_reached_is_asked_a_few_times_and_recovers_by_itself(
    world: World, belt: Belt, wait_for: WaitFor
) -> None:
    _waiting(world, _spanish(world, "es", rate_per_second=200.0), 120)
    provider = Told(UNREACHABLE)

    with capture_logs() as logs, carrying(world, belt, provider) as carriers:
        _until_resting(carriers, world, wait_for)
        asked = len(provider.asked)
        for _ in range(10):
            carriers.round()
        # Each courier finds out by itself, with what it has claimed for the next tenth of a second.
        assert len(provider.asked) <= asked + 2 * 20
        provider.answer = None
        wait_for(carriers.over, timeout=40, what="every message to be sent")

    assert not _rests(world)
    events = [line["event"] for line in logs if line["event"].startswith("account_re")]
    assert events == ["account_rests", "account_recovered"]
    assert len({id_ for id_, _ in provider.asked}) == 120


def test_one_courier_of_two_tries_an_account_and_with_a_few_messages(
    world: World, belt: Belt, wait_for: WaitFor
) -> None:
    _waiting(world, _spanish(world, "es", rate_per_second=200.0), 60)
    provider = Told(UNREACHABLE)
    with carrying(world, belt, provider) as carriers:
        _until_resting(carriers, world, wait_for)
        wait_for(lambda: not world.query("SELECT FROM messages WHERE state = 'sending'"))
        for tried in (1, 2):
            before = len(provider.asked)
            _end_rests(world)
            world.execute("UPDATE messages SET lease_until = NULL WHERE state = 'ready'")

            def longer(tried: int = tried) -> bool:
                carriers.round()
                return any(rest.failures == tried + 1 for rest in _rests(world).values())

            wait_for(longer, what="a longer rest")
            assert 1 <= len(provider.asked) - before <= BREAKER.probe_messages
    (rest,) = _rests(world).values()
    assert rest.rests_until - machine_now() > timedelta(seconds=10)
    assert rest.probe_until is None


def test_what_is_in_doubt_while_nobody_answers_is_bounded(
    world: World, belt: Belt, wait_for: WaitFor
) -> None:
    _waiting(world, _spanish(world, "es", rate_per_second=50.0), 120)
    provider = Told(Ambiguous("no answer in time"))
    with carrying(world, belt, provider, couriers=1) as carriers:
        _until_resting(carriers, world, wait_for)
        for _ in range(10):
            carriers.round()
        doubts = len(world.query("SELECT FROM messages WHERE state = 'in_doubt'"))
        assert BREAKER.failures <= doubts <= 20


def test_a_probe_that_is_lost_with_its_worker_lapses(world: World) -> None:
    now = machine_now()
    with world.runtime.transaction() as connection:
        account_rests.begin(connection, "sandbox", reason="failing", until=now, detail="", now=NOW)
        until = now + 30 * SECOND

        def take(at_seconds: float) -> set[str]:
            moment = now + at_seconds * SECOND
            return account_rests.take_probes(
                connection, ["sandbox"], machine_now=moment, until=moment + 30 * SECOND
            )

        assert take(0) == {"sandbox"}
        assert take(1) == set()
        assert take(30) == {"sandbox"}
        # The first comes back with what it found; the probe is another's by now.
        assert not account_rests.lengthen(
            connection, "sandbox", probe=until, reason="failing", until=until, detail=""
        )


def test_peoples_mistakes_give_no_account_a_rest(
    world: World, belt: Belt, wait_for: WaitFor
) -> None:
    _waiting(world, _spanish(world, "es", rate_per_second=200.0), 40)
    provider = Told(Rejected(Action.FAIL, "21211", "no such number", None))
    with carrying(world, belt, provider, couriers=1) as carriers:

        def failed() -> bool:
            carriers.round()
            return set(world.states().values()) == {"failed"}

        wait_for(failed, what="every message to fail")
    assert not _rests(world)


def test_an_account_over_its_rate_rests_for_as_long_as_it_asks(
    world: World, belt: Belt, wait_for: WaitFor
) -> None:
    _waiting(world, _spanish(world, "es", rate_per_second=50.0), 20)
    provider = Told(Rejected(Action.SLOW_ACCOUNT, "80007", "too many", 100.0))
    with carrying(world, belt, provider, couriers=1) as carriers:
        _until_resting(carriers, world, wait_for)
    (rest,) = _rests(world).values()
    assert (rest.account, rest.reason) == ("sandbox", "rate")
    assert rest.rests_until > machine_now() + 90 * SECOND


def test_a_sender_that_is_too_fast_is_slowed_once_for_a_burst_and_comes_back(
    world: World, belt: Belt, wait_for: WaitFor
) -> None:
    sender = _spanish(world, "es", rate_per_second=100.0)
    ids = _waiting(world, sender, 150)
    provider = Told(Rejected(Action.SLOW_SENDER, "130429", "too fast", None))
    pace = Pace(world.runtime.redis)

    with capture_logs() as logs, carrying(world, belt, provider) as carriers:

        def slowed() -> bool:
            carriers.round()
            return bool(pace.slowed())

        wait_for(slowed, what="the sender to be slowed")
        provider.answer = None
        assert pace.slowed() == {sender.id: KEEPS}
        wait_for(carriers.over, timeout=60, what="every message to be sent")

    assert [line["sender"] for line in logs if line["event"] == "sender_slowed"] == ["es"]
    assert pace.slowed().get(sender.id, 1.0) > KEEPS
    assert not _rests(world)
    assert {id_ for id_, _ in provider.asked} == set(ids)


def test_a_rest_that_nobody_ends_is_forgotten(world: World, belt: Belt) -> None:
    now = machine_now()
    with world.runtime.transaction() as connection:
        for account, seconds in (("old", 700), ("young", 500)):
            past = now - seconds * SECOND
            account_rests.begin(
                connection, account, reason="failing", until=past, detail="", now=NOW
            )
    with carrying(world, belt, Told(), couriers=0) as carriers:
        carriers.round()
    assert set(_rests(world)) == {"young"}
