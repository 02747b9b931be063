"""The Celery application, and each setting's reason.

Operators run plain Celery: ``celery -A workers worker -Q consent,window,throttle``.
"""

from typing import Any

from celery import Celery, signals

from config.logs import configure_logs
from config.settings import load_settings
from workers.broker import mend_transport
from workers.heartbeat import Heartbeat
from workers.queues import QUEUES
from workers.servers import Servers

settings = load_settings()
servers = Servers.find(settings)
mend_transport()

app = Celery("recado", broker=servers.redis_url, include=["workers.tasks"])

app.conf.update(
    task_queues=QUEUES,
    task_default_queue="consent",
    # A misspelt queue name fails here, instead of filling a queue that nobody reads.
    task_create_missing_queues=False,
    # Chunks of ids need no pickle, and a queue must not be able to run code.
    task_serializer="json",
    accept_content=["json"],
    # PostgreSQL holds the results; a result backend would only cost memory.
    result_backend=None,
    task_ignore_result=True,
    # A chunk whose worker is killed stays in Redis until it is redelivered.
    task_acks_late=True,
    # Left off on purpose: a chunk that kills its worker would come back for ever. The lease
    # recovers its rows.
    task_reject_on_worker_lost=False,
    # One chunk at a time: a prefetched chunk waits behind the current one while others idle.
    worker_prefetch_multiplier=1,
    task_time_limit=300,
    task_soft_time_limit=240,
    # Each costs messages in Redis and a connection, and bulk workers need none of them.
    worker_send_task_events=False,
    worker_enable_remote_control=False,
    # Nothing here limits the rate of tasks; without this each worker keeps buckets for them.
    worker_disable_rate_limits=True,
    # SIGTERM is a warm shutdown: chunks finish, a courier drains. This bounds only SIGQUIT, the
    # quick way out: after so many seconds unfinished chunks go back to the queue.
    worker_soft_shutdown_timeout=30,
    # A leak, ours or a library's, ends with its child; kilobytes. A child that judges texts begins
    # with 190 MB, most of them its parent's: under a lower limit each chunk would end its child.
    worker_max_tasks_per_child=2000,
    worker_max_memory_per_child=360_000,
    # Celery would change the root logger behind our formatter's back.
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    broker_connection_retry_on_startup=True,
    # Redis may be away for an hour: keep trying, never give up.
    broker_connection_max_retries=None,
    broker_transport_options={
        # Every worker applies its own value to everybody's messages: one value for all.
        "visibility_timeout": 600,
        # How often abandoned chunks are looked for: every third round of ten seconds.
        "unacked_restore_throttle": 3,
        # Without it a publish to a frozen Redis hangs for ever.
        "socket_timeout": 10,
        "socket_connect_timeout": 3,
        "socket_keepalive": True,
        "health_check_interval": 10,
    },
)


@signals.setup_logging.connect(weak=False)
def _set_up_logs(**_: Any) -> None:
    configure_logs(settings.log_format, settings.log_level)


_heartbeats: list[Heartbeat] = []


@signals.worker_ready.connect(weak=False)
def _begin_to_beat(sender: Any, **_: Any) -> None:
    """Say that this worker lives, under the names of the queues that it reads."""
    roles = sorted(sender.app.amqp.queues.consume_from)
    _heartbeats.append(Heartbeat(servers.redis_url, roles))
    _heartbeats[-1].start()


@signals.worker_shutdown.connect(weak=False)
def _cease_to_beat(**_: Any) -> None:
    while _heartbeats:
        _heartbeats.pop().stop()
