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
    world.sender(rate_per_second=600.0)
    world.sender("es", country="ES", registration=None, rate_per_second=90.0)
    world.campaign()
    phones = {"us": numbers(FAST, seed=seed), "es": numbers(SLOW, "ES", seed=seed)}
    everybody = [*phones["us"], *phones["es"]]
    random.Random(seed).shuffle(everybody)
    world.consent(world.contacts(everybody))
    behaviour = Behaviour(latency_ms=300)  # a provider that is slow to answer
    lane = Lane.open(world, start, (free_port(), free_port()), wait_for, behaviour)
    lane.start(*BULK, OPTOUT, DISPATCH)
    with Redis.from_url(servers.redis_url) as client:
        Producer(client).send("us", [{"to": phone} for phone in everybody])
    wait_for(lambda: len(lane.taken()) > 200, timeout=60, what="the middle of the campaign")

    who = random.Random(seed + 1).sample(everybody, LEAVING)
    spanish = set(phones["es"])
    results = lane.reply(
        [
            {
                "channel": "sms",
                "from": phone,
                "to": "es" if phone in spanish else "us",
                "body": "BAJA" if phone in spanish else "please stop",
            }
            for phone in who
        ],
        per_second=PER_SECOND,
        concurrency=64,
    )

    assert {result["status"] for result in results} == {200}
    wait_for(
        lambda: (
            not world.query("SELECT FROM messages WHERE state NOT IN ('sent', 'blocked') LIMIT 1")
        ),
        timeout=120,
        what="the end of the campaign",
    )
    wait_for(
        lambda: not world.query("SELECT FROM opt_outs WHERE confirmation <> 'sent' LIMIT 1"),
        timeout=60,
        what="every confirmation",
    )
    force = {row.phone: lane.machine_seconds(row.in_force_at) for row in lane.opt_outs()}
    assert len(force) == LEAVING
    sent = {entry["to"]: entry["at"] for entry in lane.taken() if int(entry["message_id"]) > 0}
    gaps = [at - force[phone] for phone, at in sent.items() if phone in force]
    stopped = LEAVING - len(gaps)
    near = sum(gap > -JUST_BEFORE for gap in gaps)
    print(  # noqa: T201 - a figure
        f"largest gap {1000 * max(gaps):.0f} ms; {stopped} stopped, {len(gaps)} sent before,"
        f" {near} of them within half a second"
    )
    assert max(gaps) <= ALLOWED
    # Without people on either side, and right at the edge, this would show nothing.
    assert stopped > LEAVING // 10
    assert near > 0
    confirmed = [entry["to"] for entry in lane.confirmations()]
    assert sorted(confirmed) == sorted(who)
