"""The queues, what follows what, and how a chunk of ids gets into a queue.

This is the only place that knows which stage follows which.
"""

from collections.abc import Sequence
from typing import Any

import structlog
from kombu.entity import Queue
from kombu.exceptions import OperationalError
from redis import Redis, RedisError

from pipeline.policy.vocabulary import Stage

log = structlog.get_logger(__name__)

WATCHED = "recado_watched"
"""The header of a chunk of which it is to be noted that a worker took it up."""

CHUNK = 1000
"""Ids in one Celery message. One message an id carries 66 messages a second; a thousand, 24,000."""

FOLLOWING = {
    Stage.INTAKE: Stage.CONSENT,
    Stage.CONSENT: Stage.WINDOW,
    Stage.THROTTLE: Stage.DELIVERY,
}
"""After the window stage messages wait in PostgreSQL until `recado dispatch` gives them out."""

QUEUED_STAGES = (Stage.CONSENT, Stage.WINDOW, Stage.THROTTLE, Stage.DELIVERY, Stage.OPTOUT)

QUEUES: tuple[Any, ...] = tuple(
    Queue(stage.value, routing_key=stage.value)  # type: ignore[no-untyped-call]
    for stage in QUEUED_STAGES
)


def task_name(stage: Stage) -> str:
    """The name of the stage's Celery task."""
    return f"recado.{stage.value}"


def follow(stage: Stage, ids: Sequence[int], *, watched: bool = False) -> None:
    """Tell the stage after `stage` about messages. Call it after the commit, never before."""
    following = FOLLOWING.get(stage)
    if following is not None:
        enqueue(following, ids, watched=watched)


def enqueue(stage: Stage, ids: Sequence[int], *, watched: bool = False) -> bool:
    """Put ids into a stage's queue, in chunks; say whether the broker took them.

    Args:
        watched: somebody has dropped these before: who takes them up says so first. It travels
            in a header, which a worker of an older version does not look at.

    A failure is logged and survived: the rows have a lease, and the dispatcher enqueues again
    what nobody took up. Retrying here could enqueue a chunk twice for a lost reply.
    """
    from workers.app import app  # noqa: PLC0415 - the app imports the queues

    for start in range(0, len(ids), CHUNK):
        chunk = list(ids[start : start + CHUNK])
        try:
            app.send_task(
                task_name(stage),
                args=[chunk],
                queue=stage.value,
                retry=False,
                headers={WATCHED: True} if watched else None,
            )
        except (OperationalError, OSError, RedisError) as error:
            log.warning("enqueue_failed", stage=stage.value, ids=len(ids) - start, error=str(error))
            return False
    return True


def queue_lengths(client: "Redis") -> dict[Stage, int]:
    """How many chunks wait in each queue."""
    with client.pipeline(transaction=False) as pipe:
        for stage in QUEUED_STAGES:
            pipe.llen(stage.value)
        return dict(zip(QUEUED_STAGES, pipe.execute(), strict=True))
