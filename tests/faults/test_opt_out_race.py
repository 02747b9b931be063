"""Thousands of opt-outs into a running delivery: nothing starts later than it may."""

import random
import subprocess
from collections.abc import Callable

from redis import Redis

from pipeline.producer import Producer
from tests.faults.leaving import BULK, DISPATCH, OPTOUT, Lane
from tests.integration.world import World, numbers
from workers.runtime import Runtime
from workers.sandbox.options import Behaviour
from workers.servers import Servers
from workers.stack.ports import free_port

Start = Callable[..., "subprocess.Popen[str]"]
WaitFor = Callable[..., None]

FAST, SLOW = 7000, 1500
"""Messages through a sender of 600 a second, and through one of 90."""

LEAVING = 2500
PER_SECOND = 250
ALLOWED = 0.250
"""Seconds after the commit of an opt-out at which the last request to the person may start."""
JUST_BEFORE = 0.5
"""Seconds before the commit: people whose message was claimed or on its way just then."""


def test_no_request_starts_250_ms_after_the_commit_of_an_opt_out(
    runtime: Runtime, servers: Servers, start: Start, wait_for: WaitFor
) -> None:
    world = World(runtime)
    seed = random.SystemRandom().randrange(1_000_000)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    phones = _furnish(world, seed)
    behaviour = Behaviour(latency_ms=300)  # a provider that is slow to answer
    lane = Lane.open(world, start, (free_port(), free_port()), wait_for, behaviour)
    lane.start(*BULK, OPTOUT, DISPATCH)
    with Redis.from_url(servers.redis_url) as client:
        Producer(client).send("us", [{"to": phone} for phone in phones])
    wait_for(lambda: len(lane.taken()) > 200, timeout=60, what="the middle of the campaign")

    who = random.Random(seed + 1).sample(list(phones), LEAVING)
    results = lane.reply(
        [_wish(phone, phones[phone]) for phone in who], per_second=PER_SECOND, concurrency=64
    )

    assert {result["status"] for result in results} == {200}
    _wait_for_the_end(world, wait_for)
    _check_gaps(lane)
    assert sorted(entry["to"] for entry in lane.confirmations()) == sorted(who)


def _furnish(world: World, seed: int) -> dict[str, str]:
    """A campaign of two senders: the people, in an order drawn at random, and their sender."""
    world.sender(rate_per_second=600.0)
    world.sender("es", country="ES", registration=None, rate_per_second=90.0)
    world.campaign()
    phones = dict.fromkeys(numbers(FAST, seed=seed), "us")
    phones |= dict.fromkeys(numbers(SLOW, "ES", seed=seed), "es")
    everybody = list(phones.items())
    random.Random(seed).shuffle(everybody)
    world.consent(world.contacts(phones))
    return dict(everybody)


def _wish(phone: str, sender: str) -> dict[str, str]:
    body = "BAJA" if sender == "es" else "please stop"
    return {"channel": "sms", "from": phone, "to": sender, "body": body}


def _wait_for_the_end(world: World, wait_for: WaitFor) -> None:
    moving = "SELECT FROM messages WHERE state NOT IN ('sent', 'blocked') LIMIT 1"
    untold = "SELECT FROM opt_outs WHERE confirmation <> 'sent' LIMIT 1"
    wait_for(lambda: not world.query(moving), timeout=120, what="the end of the campaign")
    wait_for(lambda: not world.query(untold), timeout=60, what="every confirmation")


def _check_gaps(lane: Lane) -> None:
    """By the sandbox's own log: the last request to a person, after their opt-out's commit.

    The commit lies between the receipt and the moment at which the webhook's process knew of it;
    the gap is measured from the later one, and printed from the earlier one as well.
    """
    opt_outs = {row.phone: row for row in lane.opt_outs()}
    assert len(opt_outs) == LEAVING
    sent = {
        entry["to"]: entry["at"]
        for entry in lane.taken()
        if int(entry["message_id"]) > 0 and entry["to"] in opt_outs
    }
    gaps = [at - lane.machine_seconds(opt_outs[phone].in_force_at) for phone, at in sent.items()]
    longest = max(
        at - lane.machine_seconds(opt_outs[phone].received_at) for phone, at in sent.items()
    )
    near = sum(gap > -JUST_BEFORE for gap in gaps)
    print(  # noqa: T201 - a figure
        f"largest gap {1000 * max(gaps):.0f} ms, from the receipt {1000 * longest:.0f} ms;"
        f" {LEAVING - len(gaps)} stopped, {len(gaps)} sent before,"
        f" {near} of them within half a second"
    )
    assert max(gaps) <= ALLOWED
    # Without people on either side, and right at the edge, this would show nothing.
    assert LEAVING - len(gaps) > LEAVING // 10
    assert near > 0
