"""The server around the application: sockets, limits, and an orderly end."""

import resource
import socket

import uvicorn
from fastapi import FastAPI

from workers.web.protocol import GuardedProtocol

BACKLOG = 2048

MOST_CONNECTIONS = 8000
SPARE_FILES = 128
"""Open files that are no client's: the servers' connections, logs, libraries."""

KEEP_ALIVE_SECONDS = 75
"""Longer than proxies keep an idle connection: otherwise they post into one that we close."""

GRACE_SECONDS = 15
"""So long requests may take to end after SIGTERM; none waits longer than the inbox lets it."""


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Args:
        port: 0 takes a free one.

    Raises:
        OSError: the address cannot be had.
    """
    family, _, _, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    # With its protocol named: asyncio sends small answers at once only where it knows that this is
    # TCP. Otherwise an answer's second half waits 40 ms for the client's acknowledgement.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


def create_server(app: FastAPI) -> uvicorn.Server:
    """The server of one process; `Server.run` serves until SIGTERM or SIGINT."""
    config = uvicorn.Config(
        app,
        loop="asyncio",
        http=GuardedProtocol,
        ws="none",
        interface="asgi3",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        # Nothing here believes a header about who calls, or how.
        proxy_headers=False,
        limit_concurrency=most_connections(),
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return uvicorn.Server(config)


def most_connections() -> int:
    """How many connections this process can hold; the system's limit on open files bounds it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + SPARE_FILES
    if soft < wanted:
        soft = min(wanted, hard) if hard != resource.RLIM_INFINITY else wanted
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(SPARE_FILES, min(MOST_CONNECTIONS, soft - SPARE_FILES))
