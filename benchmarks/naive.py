"""The naive way, to compare with: one Celery task a message a stage.

The same database, the same rules, the same broker, and as many processes; only that every
message travels alone, as it does in most code bases.
"""

from datetime import timedelta
from typing import Any

from celery import Celery
from kombu.entity import Queue

from config.settings import load_settings
from pipeline.stages import consent, intake, window
from pipeline.stages.intake import Chunk
from workers.clock import machine_now
from workers.runtime import process_runtime
from workers.servers import Servers

QUEUE = "naive"

app = Celery("naive", broker=Servers.find(load_settings()).redis_url)
app.conf.update(
    task_queues=(Queue(QUEUE, routing_key=QUEUE),),  # type: ignore[no-untyped-call]
    task_default_queue=QUEUE,
    task_ignore_result=True,
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
)

_LEASE = timedelta(minutes=10)


@app.task(name="naive.take_in")
def take_in(campaign: str, row: dict[str, Any]) -> None:
    """One message becomes a row."""
    runtime = process_runtime()
    with runtime.transaction() as connection:
        taken = intake.run(
            connection,
            [Chunk(campaign=campaign, rows=[row])],
            now=runtime.clock.now(),
            lease=machine_now() + _LEASE,
        )
    for message_id in taken.ids:
        decide_consent.delay(message_id)


@app.task(name="naive.consent")
def decide_consent(message_id: int) -> None:
    """One message is checked for consent."""
    runtime = process_runtime()
    with runtime.transaction() as connection:
        onward = consent.run(
            connection,
            [message_id],
            books=runtime.books,
            now=runtime.clock.now(),
            lease=machine_now() + _LEASE,
        )
    for consented in onward:
        decide_window.delay(consented)


@app.task(name="naive.window")
def decide_window(message_id: int) -> None:
    """One message is checked against its window."""
    runtime = process_runtime()
    with runtime.transaction() as connection:
        window.run(connection, [message_id], books=runtime.books, now=runtime.clock.now())
