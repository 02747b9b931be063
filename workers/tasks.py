"""The Celery tasks, one a stage.

Each opens a transaction, runs its stage, and after the commit tells the next one. What a stage
does stands in ``pipeline/stages``.
"""

import gc
from typing import Any

import structlog
from celery import signals

from pipeline.policy.vocabulary import MessageState, Stage
from pipeline.stages import consent, throttle, window
from pipeline.store import recovery
from workers.app import app, settings
from workers.clock import machine_now
from workers.courier.process import close_courier, process_courier
from workers.faultpoints import FaultPoint, reach
from workers.lane.process import close_lane, process_lane
from workers.queues import follow, task_name
from workers.runtime import process_runtime, read_ahead, read_models_ahead
from workers.settling import close_settler, start_settler
from workers.watched import take_up

GC_THRESHOLD = 50_000

log = structlog.get_logger(__name__)


@app.task(name=task_name(Stage.CONSENT))
def decide_consent(ids: list[int]) -> None:
    """Decide who may be written to at all."""
    runtime = process_runtime()
    ids, _ = take_up(runtime, Stage.CONSENT, ids)
    with runtime.transaction() as connection:
        onward = consent.run(
            connection,
            ids,
            books=runtime.books,
            now=runtime.clock.now(),
            lease=machine_now() + runtime.settings.leases.queue,
        )
    reach(FaultPoint.DECIDED)
    log.info("chunk_done", stage=Stage.CONSENT, taken=len(ids), onward=len(onward))
    follow(Stage.CONSENT, onward)


@app.task(name=task_name(Stage.WINDOW))
def decide_window(ids: list[int]) -> None:
    """Decide who may be written to now."""
    runtime = process_runtime()
    ids, _ = take_up(runtime, Stage.WINDOW, ids)
    with runtime.transaction() as connection:
        ready = window.run(connection, ids, books=runtime.books, now=runtime.clock.now())
    reach(FaultPoint.DECIDED)
    log.info("chunk_done", stage=Stage.WINDOW, taken=len(ids), onward=len(ready))
    follow(Stage.WINDOW, ready)


@app.task(name=task_name(Stage.THROTTLE))
def decide_throttle(ids: list[int]) -> None:
    """Decide whose cap and whose sender's quota have room."""
    runtime = process_runtime()
    ids, watched = take_up(runtime, Stage.THROTTLE, ids)
    with runtime.transaction() as connection:
        passed = throttle.run(connection, ids, books=runtime.books, now=runtime.clock.now())
        if watched:
            recovery.put_down(connection, passed, state=MessageState.READY)
    reach(FaultPoint.DECIDED)
    log.info("chunk_done", stage=Stage.THROTTLE, taken=len(ids), onward=len(passed))
    follow(Stage.THROTTLE, passed, watched=watched)


@app.task(name=task_name(Stage.DELIVERY))
def deliver(ids: list[int]) -> None:
    """Hand messages to this process's courier, which claims, sends and records them."""
    runtime = process_runtime()
    ids, _ = take_up(runtime, Stage.DELIVERY, ids)
    started = process_courier(runtime).submit(ids)
    log.info("chunk_done", stage=Stage.DELIVERY, taken=len(ids), onward=started)


@app.task(name=task_name(Stage.OPTOUT))
def answer_replies(ids: list[int]) -> None:
    """Do what follows from replies (ids above 0), and send notices (below 0).

    Acknowledged like every other chunk, whatever becomes of it: the rows have leases, and the
    dispatcher brings back what this process did not finish.
    """
    work = process_lane(process_runtime()).work(ids)
    log.info("chunk_done", stage=Stage.OPTOUT, taken=work.replies, onward=work.notices)


@signals.celeryd_init.connect(weak=False)
def _keep_the_lanes_child(conf: Any, options: dict[str, Any], **_: Any) -> None:
    """A worker of the lane alone does not renew its child after so many tasks.

    Renewing takes seconds, and a flood of replies, each a task, would bring it about again and
    again; the limit on memory still ends a leak.
    """
    if set(options.get("queues") or ()) == {Stage.OPTOUT}:
        conf.worker_max_tasks_per_child = None


@signals.worker_init.connect(weak=False)
def _read_ahead(**_: Any) -> None:
    """What the parent has read its children have, and those that follow when they are renewed."""
    read_ahead(settings)


@signals.celeryd_init.connect(weak=False)
def _read_models_ahead(options: dict[str, Any], **_: Any) -> None:
    """Only who judges texts reads what they are judged with; its children need not."""
    queues = set(options.get("queues") or ())
    if not queues or Stage.CONSENT in queues:
        read_models_ahead(settings, on=machine_now().date())


@signals.worker_process_init.connect(weak=False)
def _warm_up(**_: Any) -> None:
    """A child reads the rules before it takes work: it costs half a second.

    The first person who writes STOP must not wait for it, nor for the lane to open.
    """
    runtime = process_runtime()
    _books = runtime.books
    if Stage.OPTOUT in app.amqp.queues.consume_from:
        process_lane(runtime)
    if Stage.DELIVERY in app.amqp.queues.consume_from:
        start_settler(runtime)
    # A chunk makes tens of thousands of small objects and hardly a cycle among them: looking for
    # cycles every 700 of them costs 6 % of a worker's time (docs/performance.md).
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)


@signals.worker_process_shutdown.connect(weak=False)
def _finish_sending(**_: Any) -> None:
    """A child that ends first finishes what it has on the wire."""
    close_settler()
    close_lane()
    close_courier()
