"""Celery's Redis transport, mended: a lost acknowledgement must not stop a worker for good.

A worker reads no further while it holds as many chunks as it may. kombu forgets a chunk only
once Redis has taken its acknowledgement, or its rejection: an unknown task's. When Redis is away
just then, or refuses it (its disk is full), the error is logged and the chunk counts as held for
ever. A worker whose every place was taken then reads nothing more, not even the news that its
connection is gone, and looks alive all the while.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis, virtual


class ForgettingQoS(redis.QoS):
    """Forgets a chunk when Redis does not hear what became of it, as when it does.

    Redis keeps the chunk and hands it out again, if it has kept its data; the stages are
    idempotent, and the rows have leases. Every error is raised as ever.
    """

    def ack(self, delivery_tag: Any) -> None:
        """Acknowledge a chunk."""
        with self._forgetting(delivery_tag):
            super().ack(delivery_tag)  # type: ignore[no-untyped-call]

    def reject(self, delivery_tag: Any, requeue: bool = False) -> None:
        """Drop a chunk, or put it back into its queue."""
        with self._forgetting(delivery_tag):
            super().reject(delivery_tag, requeue)  # type: ignore[no-untyped-call]

    @contextmanager
    def _forgetting(self, delivery_tag: Any) -> Iterator[None]:
        try:
            yield
        except Exception:
            virtual.QoS.ack(self, delivery_tag)  # type: ignore[no-untyped-call]
            raise


class Channel(redis.Channel):
    """The library's, with the class above."""

    QoS = ForgettingQoS


class Transport(redis.Transport):
    """The library's, with the channel above."""

    Channel = Channel


def mend_transport() -> None:
    """Have every Redis URL of this process use the transport above; before the first connection.

    By name, not with Celery's ``broker_transport``: kombu looks at the URL's scheme for TLS only
    when no transport is given.
    """
    name = f"{Transport.__module__}:{Transport.__name__}"
    TRANSPORT_ALIASES.update(redis=name, rediss=name)
