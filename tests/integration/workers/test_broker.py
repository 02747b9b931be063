"""Celery's transport over the real server, when Redis does not hear what became of a chunk."""

import secrets
from collections.abc import Callable, Iterator

import pytest
from kombu.connection import Connection
from kombu.entity import Queue
from kombu.message import Message
from redis import Redis, RedisError
from redis.exceptions import NoPermissionError
from sqlalchemy.engine import make_url

from workers.broker import mend_transport
from workers.servers import Servers

USER = "a-worker"

Fault = Callable[[Redis], object]


def refuses_writes(admin: Redis) -> None:
    """As with a full disk: it answers, and takes nothing out either."""
    admin.acl_setuser(USER, commands=["-zrem"])


def is_away(admin: Redis) -> None:
    """Every connection is cut, and a new one is not accepted."""
    admin.acl_deluser(USER)


@pytest.fixture
def admin(servers: Servers) -> Iterator[Redis]:
    with Redis.from_url(servers.redis_url) as client:
        yield client
        client.acl_deluser(USER)


@pytest.fixture
def worker_url(admin: Redis, servers: Servers) -> str:
    """The address for a user who can be hindered without harm to anybody else."""
    password = secrets.token_hex(8)
    admin.acl_setuser(
        USER,
        enabled=True,
        passwords=[f"+{password}"],
        keys=["*"],
        channels=["*"],
        commands=["+@all"],
    )
    url = make_url(servers.redis_url).set(username=USER, password=password)
    return url.render_as_string(hide_password=False)


@pytest.mark.parametrize("fault", [refuses_writes, is_away])
@pytest.mark.parametrize(
    "leave", [Message.ack, Message.reject, Message.requeue], ids=["ack", "reject", "requeue"]
)
def test_a_chunk_that_redis_does_not_hear_of_holds_no_place(
    admin: Redis, worker_url: str, fault: Fault, leave: Callable[[Message], object]
) -> None:
    mend_transport()
    taken: list[Message] = []
    with Connection(worker_url) as connection:  # type: ignore[no-untyped-call]
        channel = connection.channel()
        channel.basic_qos(0, 1, apply_global=False)
        queue = Queue("chunks", routing_key="chunks")(channel)  # type: ignore[no-untyped-call]
        queue.declare()  # type: ignore[no-untyped-call]
        connection.Producer(channel).publish({}, routing_key="chunks")
        with connection.Consumer(
            queue, channel=channel, callbacks=[lambda _, message: taken.append(message)]
        ):
            connection.drain_events(timeout=10)
            assert not channel.qos.can_consume(), "it has its one chunk"

            fault(admin)
            with pytest.raises((RedisError, OSError)):
                leave(taken[0])

            assert channel.qos.can_consume()


def test_the_faults_are_what_they_say(admin: Redis, worker_url: str) -> None:
    with Redis.from_url(worker_url) as client:
        client.zadd("index", {"tag": 1})
        refuses_writes(admin)
        with pytest.raises(NoPermissionError):
            client.zrem("index", "tag")
        is_away(admin)
        with pytest.raises((RedisError, OSError)):
            client.ping()
