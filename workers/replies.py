"""Replies on their way into the opt-out lane: a queue of its own, with its own workers."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

import structlog
from kombu.exceptions import OperationalError
from redis import RedisError

from pipeline.policy.vocabulary import Channel, Stage
from pipeline.stages.optout import Reply
from workers.queues import task_name

log = structlog.get_logger(__name__)


def publish_reply(reply: Reply) -> bool:
    """Put a reply into the opt-out lane's queue; say whether the broker took it.

    As everywhere no retry is made here: a lost answer would leave two copies. The stage takes a
    copy for what it is, so whoever still holds the reply may publish it again.
    """
    from workers.app import app  # noqa: PLC0415 - the app imports the tasks, which import us

    try:
        app.send_task(
            task_name(Stage.OPTOUT),
            args=[encode_reply(reply)],
            queue=Stage.OPTOUT.value,
            retry=False,
        )
    except (OperationalError, OSError, RedisError) as error:
        log.warning("reply_not_queued", source=reply.source, error=str(error))
        return False
    return True


def encode_reply(reply: Reply) -> dict[str, str]:
    """The reply as JSON has it."""
    return asdict(reply) | {"received_at": reply.received_at.isoformat()}


def decode_reply(fields: Mapping[str, str]) -> Reply:
    """The reply that `encode_reply` made the fields of."""
    return Reply(
        source=fields["source"],
        provider_id=fields["provider_id"],
        channel=Channel(fields["channel"]),
        sender=fields["sender"],
        address=fields["address"],
        # PostgreSQL holds neither null characters nor half surrogates; a STOP with one is a STOP.
        body=fields["body"].replace("\0", "").encode("utf-8", "replace").decode(),
        received_at=datetime.fromisoformat(fields["received_at"]),
    )
