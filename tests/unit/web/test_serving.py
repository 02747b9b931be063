"""The socket that the server listens on."""

import resource
import socket

import pytest

from workers.web.serving import bind, most_connections


def test_small_answers_are_sent_at_once() -> None:
    with (
        bind("127.0.0.1", 0) as listening,
        socket.create_connection(listening.getsockname()[:2], 5),
    ):
        accepted, _ = listening.accept()
        # What asyncio looks at before it switches the waiting off.
        assert accepted.proto == socket.IPPROTO_TCP
        accepted.close()


def test_a_port_that_is_taken_is_not_had_twice() -> None:
    with bind("127.0.0.1", 0) as listening, pytest.raises(OSError, match="in use"):
        bind("127.0.0.1", listening.getsockname()[1])


def test_no_more_connections_than_files_may_be_open() -> None:
    assert 0 < most_connections() < resource.getrlimit(resource.RLIMIT_NOFILE)[0]
