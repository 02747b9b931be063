"""Chunks that somebody has dropped before: who takes one up says so before anything else."""

from celery import current_task

from pipeline.policy.vocabulary import MessageState, Stage
from pipeline.store import recovery
from workers.queues import WATCHED
from workers.runtime import Runtime

_TAKES = {
    Stage.CONSENT: MessageState.ACCEPTED,
    Stage.WINDOW: MessageState.CONSENTED,
    Stage.THROTTLE: MessageState.READY,
    Stage.DELIVERY: MessageState.READY,
}
"""The state of the messages that a stage takes."""


def take_up(runtime: Runtime, stage: Stage, ids: list[int]) -> tuple[list[int], bool]:
    """Note that this task has its chunk in hand, in a transaction of its own, if it is watched.

    Only a chunk that was dropped once is watched: every other costs one look at its headers.

    Returns:
        The ids that the task works on, and whether they are watched.
    """
    if not current_task.request.get(WATCHED):
        return ids, False
    with runtime.transaction() as connection:
        return recovery.take_up(connection, ids, state=_TAKES[stage]), True
