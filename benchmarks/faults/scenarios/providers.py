"""A provider that is slow, unclear or away."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from benchmarks.faults.building import ADRIFT, REQUEST_TIMEOUT
from benchmarks.faults.scenario import Breaker, Scenario
from pipeline.store import senders
from workers.sandbox.options import Fault, Outcome

TWILIO_OVERLOADED = 20503
TWILIO_TOO_MANY = 20429


def _answering(
    outcomes: Sequence[Outcome], *, share: float = 0.3, latest: float = 0.4
) -> Callable[[Breaker], None]:
    """A share of the requests gets each of these answers, for a moment each."""

    def act(breaker: Breaker) -> None:
        breaker.sometime(0.02, latest)
        for outcome in outcomes:
            with breaker.misbehaving(
                f"the provider answers {outcome}", error_rate=share, error_code=outcome
            ):
                breaker.scene.pause(breaker.chance.uniform(0.3, 0.8))

    return act


def _slow(breaker: Breaker) -> None:
    breaker.sometime(0.02, 0.3)
    with breaker.misbehaving("the provider is slow", latency_ms=900 * REQUEST_TIMEOUT):
        breaker.scene.pause(breaker.chance.uniform(0.5, 1.5))


def _limiting(breaker: Breaker) -> None:
    """429 for a share, and then for whatever is above a part of what the senders may send."""
    _answering((TWILIO_TOO_MANY,))(breaker)
    limit = max(1, breaker.run.messages // 400)
    with breaker.misbehaving("the provider allows less", rate_limit=limit):
        breaker.scene.pause(breaker.chance.uniform(0.5, 1.5))


def _without_address(breaker: Breaker) -> None:
    """The senders' account moves to a host that has no address, and back."""
    breaker.sometime(0.02, 0.3)
    breaker.note("the provider's name has no address")
    _move(breaker, ADRIFT)
    breaker.scene.pause(breaker.chance.uniform(1.0, 2.0))
    _move(breaker, "sandbox")


def _move(breaker: Breaker, account: str) -> None:
    runtime = breaker.scene.runtime
    with runtime.transaction() as connection:
        ours = senders.select_senders(connection, codes=breaker.run.senders)
        moved = [replace(sender, provider=account) for sender in ours]
        senders.save_senders(connection, moved, now=runtime.clock.now())


SCENARIOS = (
    Scenario(
        name="provider-slow",
        breaks="the provider takes almost as long as a request may",
        act=_slow,
        may_doubt=False,
    ),
    Scenario(
        name="provider-unclear",
        breaks=(
            "the provider drips its answer, closes before it or in the middle of it, or answers "
            "with garbage"
        ),
        act=_answering((Fault.DRIP, Fault.CLOSE, Fault.TRUNCATE, Fault.GARBAGE, Fault.HANG)),
        callbacks=True,
    ),
    Scenario(
        name="provider-broken",
        breaks="the provider answers with a page of HTML, or with 500 and 503",
        act=_answering((Fault.HTML, 20500, TWILIO_OVERLOADED)),
    ),
    Scenario(
        name="provider-limits",
        breaks="the provider answers 429, to a share of the requests and to all above a rate",
        act=_limiting,
        may_doubt=False,
    ),
    Scenario(
        name="provider-without-address",
        breaks="the name of the provider's host cannot be resolved for a while",
        act=_without_address,
        may_doubt=False,
    ),
)
