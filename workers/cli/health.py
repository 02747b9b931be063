"""``recado health``: for a supervisor that asks often, and so with few imports."""

from typing import Annotated

import typer
from redis import Redis

from config.settings import load_settings
from workers.cli.output import CommandError
from workers.heartbeat import alive_here
from workers.servers import Servers


def health(
    role: Annotated[
        str, typer.Argument(help="intake, dispatch, or a queue: consent, window, delivery, …")
    ],
) -> None:
    """Exit with 0 when a process of the role is alive on this host, else with 1."""
    servers = Servers.find(load_settings())
    try:
        with Redis.from_url(
            servers.redis_url, socket_connect_timeout=3, socket_timeout=3
        ) as client:
            found = alive_here(client, role)
    finally:
        servers.close()
    if not found:
        raise CommandError(f"no {role} process is alive on this host")
    print(f"{role} is alive: {', '.join(str(process.pid) for process in found)}")
