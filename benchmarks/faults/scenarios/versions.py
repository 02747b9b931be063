"""Two versions side by side: what a newer one enqueues must not be lost, nor poison a queue."""

import json

from celery import Celery
from kombu.entity import Queue
from sqlalchemy import text

from benchmarks.faults.building import LEASES
from benchmarks.faults.scenario import Breaker, Scenario
from pipeline.policy.vocabulary import Stage
from pipeline.producer import STREAM
from workers.clock import machine_now
from workers.queues import task_name

SOME = 50

_HAND_OUT = text(
    """
    UPDATE messages SET lease_until = :lease
    WHERE id IN (SELECT id FROM messages WHERE state = 'ready' AND lease_until IS NULL
                 ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED)
    RETURNING id
    """
)


def _newer(breaker: Breaker) -> None:
    """Chunks of a version that does not exist yet, with rows that nobody else has in hand."""
    breaker.sometime(0.02, 0.3)
    runtime = breaker.scene.runtime
    tomorrow = Celery("tomorrow", broker=runtime.servers.redis_url, set_as_current=False)
    for stage in (Stage.CONSENT, Stage.DELIVERY, Stage.OPTOUT):
        lease = machine_now() + LEASES.queue
        with runtime.transaction() as connection:
            ids = list(connection.execute(_HAND_OUT, {"lease": lease, "most": SOME}).scalars())
        queue = Queue(stage.value, routing_key=stage.value)  # type: ignore[no-untyped-call]
        tomorrow.send_task("recado.of-tomorrow", args=[ids], queue=queue)
        tomorrow.send_task(task_name(stage), args=[ids], kwargs={"more": 1}, queue=queue)
        tomorrow.send_task(task_name(stage), args=[{"ids": ids}], queue=queue)
        breaker.note(f"a newer version's chunks for {stage.value}")
    tomorrow.close()
    rows = json.dumps([{"to": "+12125550123"}])
    entry = {"schema": "recado.intake/2", "campaign": "tomorrow", "messages": rows}
    runtime.redis.xadd(STREAM, entry)  # type: ignore[arg-type]
    breaker.note("a newer version's entry")


SCENARIOS = (
    Scenario(
        name="newer-version",
        breaks=(
            "a newer version puts tasks, arguments and entries that ours does not know among ours"
        ),
        act=_newer,
        may_doubt=False,
        dead_letters=1,
    ),
)
