"""The servers go away, or freeze: what is answered then, and what becomes of a STOP."""

import time
from typing import Any

from tests.integration.web.calling import OUR_NUMBER, Answer, reply
from tests.integration.web.conftest import Serve, Site, WaitFor
from tests.integration.world import World, numbers
from tests.own_servers import OwnServers, own, servers

__all__ = ["own", "servers"]

PHONES = numbers(20)
NOWHERE = "127.0.0.1:9"

READY: dict[str, Any] = {
    "status": "ready",
    "missing": [],
    "pressure": [],
    "retry_after_seconds": None,
}


def stop(site: Site, number: int = 0) -> Answer:
    return site.twilio(reply("STOP", PHONES[number], f"SM{number}"))


def check_put_off(answer: Answer) -> None:
    assert (answer.status, answer.media_type) == (503, "application/problem+json")
    assert int(answer.headers["Retry-After"]) > 0


def in_force(world: World) -> int:
    return len(world.query("SELECT FROM suppressions WHERE lifted_at IS NULL"))


def test_without_redis_webhooks_work(serve: Serve, world: World) -> None:
    world.sender("us", provider="tw", address=OUR_NUMBER)
    site = serve(redis_url=f"redis://{NOWHERE}/0", tell=lambda _: False)

    assert stop(site).status == 200
    assert in_force(world) == 1
    ready = site.get("/readyz")
    waits = {"status": "degraded", "missing": ["redis"], "retry_after_seconds": 5}
    assert (ready.status, ready.json) == (200, READY | waits)
    assert site.get("/healthz").status == 200
    figures = site.get("/metrics").body.decode()
    assert "recado_redis_up 0.0" in figures
    assert "recado_database_up 1.0" in figures
    assert "recado_opt_outs_open 1.0" in figures


def test_without_postgresql_providers_are_asked_to_come_again(serve: Serve) -> None:
    site = serve(database_url=f"postgresql://recado@{NOWHERE}/recado")

    for number in range(3):
        check_put_off(stop(site, number))
    ready = site.get("/readyz")
    assert (ready.status, ready.json["missing"]) == (503, ["database"])
    assert site.get("/healthz").status == 200
    assert "recado_database_up 0.0" in site.get("/metrics").body.decode()


def test_a_schema_that_is_not_the_newest_is_not_ready(serve: Serve, world: World) -> None:
    site = serve()
    assert site.get("/readyz").json == READY
    world.execute("UPDATE alembic_version SET version_num = '0001'")

    def missing() -> list[str]:
        answer: list[str] = serve().get("/readyz").json["missing"]
        return answer

    assert missing() == ["schema"]
    world.execute("ALTER TABLE inbound_messages RENAME TO elsewhere")
    check_put_off(stop(site))
    world.execute("ALTER TABLE elsewhere RENAME TO inbound_messages")


def test_a_stop_during_an_outage_is_in_force_when_postgresql_is_back(
    site: Site, world: World, own: OwnServers, wait_for: WaitFor
) -> None:
    assert stop(site, 0).status == 200
    own.crash_postgres()
    began = time.monotonic()
    for number in (1, 2, 3):
        check_put_off(stop(site, number))
    assert time.monotonic() - began < 15
    own.acquire()
    world.runtime.engine.dispose()

    # The provider never comes again; and when it does, nothing is stored twice.
    wait_for(lambda: in_force(world) == 4, what="the opt-outs of the outage")
    wait_for(lambda: stop(site, 1).status == 200, what="an answer")
    assert len(world.query("SELECT FROM inbound_messages")) == 4


def test_a_frozen_postgresql_holds_nobody_up_for_long(
    site: Site, world: World, own: OwnServers, wait_for: WaitFor
) -> None:
    assert stop(site, 0).status == 200
    frozen = own.postgres_processes()
    for process in frozen:
        process.suspend()
    try:
        for number, longest in ((1, 6.0), (2, 1.0), (3, 1.0)):
            began = time.monotonic()
            check_put_off(stop(site, number))
            assert time.monotonic() - began < longest
        assert site.get("/readyz").status == 503
        assert site.get("/healthz").status == 200
    finally:
        for process in frozen:
            process.resume()
    wait_for(lambda: in_force(world) == 4, what="the opt-outs of the outage")
    wait_for(lambda: stop(site, 4).status == 200, what="an answer")
