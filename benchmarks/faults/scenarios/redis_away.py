"""Redis: killed with and without its data, frozen, out of memory."""

from contextlib import suppress

from redis import RedisError

from benchmarks.faults.scenario import Breaker, Scenario


def _killed(breaker: Breaker) -> None:
    breaker.sometime()
    breaker.note("kill Redis")
    breaker.scene.servers.restart_valkey(keep=True)


def _wiped(breaker: Breaker) -> None:
    breaker.sometime()
    breaker.note("kill Redis and lose its data")
    breaker.scene.servers.restart_valkey(keep=False)


def _frozen(breaker: Breaker) -> None:
    breaker.sometime()
    process = breaker.scene.servers.valkey()
    if process is None:
        return
    breaker.note("freeze Redis")
    process.suspend()
    try:
        breaker.scene.pause(breaker.chance.uniform(1.0, 3.0))
    finally:
        process.resume()
    breaker.scene.servers.await_valkey()


def _out_of_memory(breaker: Breaker) -> None:
    breaker.sometime(0.02, 0.3)
    breaker.note("Redis has no memory left")
    with breaker.scene.servers.redis() as client:
        client.config_set("maxmemory", "1mb")
        with suppress(RedisError):
            breaker.scene.pause(breaker.chance.uniform(1.0, 2.0))
        client.config_set("maxmemory", "0")


SCENARIOS = (
    Scenario(
        name="redis-killed",
        breaks="Redis is killed, and comes back with its data",
        act=_killed,
        resend=True,
    ),
    Scenario(
        name="redis-wiped",
        breaks="Redis is killed, and comes back without its data; the producer enqueues again",
        act=_wiped,
        resend=True,
        forgets=True,
    ),
    Scenario(name="redis-frozen", breaks="Redis stands still for a while", act=_frozen),
    Scenario(
        name="redis-full",
        breaks="Redis is out of memory for a while, and refuses writes",
        act=_out_of_memory,
    ),
)
