"""Celery's Redis transport, mended: a lost acknowledgement must not stop a worker for good.

A worker reads no further while it holds as many chunks as it may. kombu forgets a chunk only
once Redis has taken its acknowledgement; when Redis goes away before that, the error is logged
and the chunk counts as held for ever. A worker whose every place was taken then reads nothing
more, not even the news that its connection is gone, and looks alive all the while.
"""

from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis, virtual


class ForgettingQoS(redis.QoS):
    """Forgets a chunk when its acknowledgement is lost, as when it is taken.

    Redis keeps the chunk and hands it out again, if it has kept its data; the stages are
    idempotent, and the rows have leases.
    """

    def ack(self, delivery_tag: Any) -> None:
        """Acknowledge a chunk; an error of the connection is raised as ever."""
        try:
            super().ack(delivery_tag)  # type: ignore[no-untyped-call]
        except self.channel.connection_errors:
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
