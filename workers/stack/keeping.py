"""`recado up`: keeps a stack running, and says where everything is and how it goes."""

import sys
import time
from collections.abc import Mapping

from redis import RedisError
from rich.console import Console
from rich.live import Live
from rich.text import Text
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from config.settings import Settings
from workers.queues import queue_lengths
from workers.runtime import Runtime
from workers.sandbox import client
from workers.sandbox.options import Behaviour
from workers.servers import Servers
from workers.stack.ports import free_port, port_answers
from workers.stack.roles import Role, sandbox_role, smpp_role, standard_roles, web_role
from workers.stack.supervisor import Stack

LOOK_SECONDS = 1.0
LINE_SECONDS = 30.0
"""Between two looks at the counts; between two lines of them where there is no terminal."""

TICK_SECONDS = 0.2

SANDBOX = "sandbox"

_COUNTS = text("SELECT state, count(*) AS messages FROM messages GROUP BY state ORDER BY state")


def keep_up(settings: Settings, environment: Mapping[str, str]) -> None:
    """Run the stack of `settings` until interrupted; everything is stopped at the end.

    Without any provider account a sandbox is run and made the account ``sandbox``.

    Args:
        environment: this process's; the children get it as well.

    Raises:
        StackError: another stack runs in the folder, or a process does not get ready.
        ServersError: a server cannot be reached or started.
        KeyboardInterrupt: somebody asked it to stop.
    """
    web = settings.web.model_copy(update={"port": _web_port(settings)})
    roles: tuple[Role, ...] = (*standard_roles(), web_role(web.port, host=web.host))
    if any(account.kind == "smpp" for account in settings.providers.values()):
        roles = (*roles, smpp_role())
    # Whoever calls and whoever checks the signature must mean the same address.
    added = {"RECADO_WEB__PORT": str(web.port), "RECADO_WEB__PUBLIC_URL": web.address}
    sandbox_port = None if settings.providers else free_port()
    if sandbox_port is not None:
        behaviour = Behaviour(callbacks=True)
        roles = (sandbox_role(sandbox_port, behaviour, webhook_url=web.address), *roles)
        added |= {
            f"RECADO_PROVIDERS__{SANDBOX.upper()}__KIND": SANDBOX,
            f"RECADO_PROVIDERS__{SANDBOX.upper()}__BASE_URL": f"http://127.0.0.1:{sandbox_port}",
        }
    stack = Stack(
        home=settings.home,
        roles=roles,
        env=dict(environment) | added,
        find_servers=lambda: Servers.find(settings),
    )
    try:
        stack.open()
        stack.start()
        _say(f"starting {', '.join(role.name for role in roles)} …")
        stack.wait()
        for line in _whereabouts(stack, added):
            _say(line)
        _watch(stack, settings, sandbox_port)
    finally:
        stack.stop()


def _web_port(settings: Settings) -> int:
    """The port of the settings; where none was set and somebody else has the usual one, another."""
    port = settings.web.port
    is_chosen = "port" in settings.web.model_fields_set
    return free_port() if port == 0 or (port_answers(port) and not is_chosen) else port


def _whereabouts(stack: Stack, added: Mapping[str, str]) -> list[str]:
    servers = stack.servers
    lines = [
        "the stack is up; Ctrl-C stops it",
        f"  PostgreSQL  {_without_secrets(servers.database_url)}",
        f"  Redis       {_without_secrets(servers.redis_url)}",
        f"  webhooks    {added['RECADO_WEB__PUBLIC_URL']}/webhooks/",
        f"  data        {stack.home.resolve()}",
        f"  logs        {stack.logs.resolve()}",
    ]
    sandbox = next((url for name, url in added.items() if name.endswith("BASE_URL")), None)
    if sandbox is not None:
        lines.append(f"  provider    {SANDBOX} (nothing is really sent), {sandbox}")
    return lines


def _without_secrets(url: str) -> str:
    return make_url(url).render_as_string(hide_password=True)


def _watch(stack: Stack, settings: Settings, sandbox_port: int | None) -> None:
    servers = Servers(stack.servers.database_url, stack.servers.redis_url)
    runtime = Runtime(settings, servers, "recado-up")
    terminal = sys.stderr.isatty()
    every = LOOK_SECONDS if terminal else LINE_SECONDS
    next_look = 0.0
    try:
        if sandbox_port is not None:
            client.follow_clock(sandbox_port, runtime.clock)
        with Live(console=Console(stderr=True), auto_refresh=False, transient=True) as live:
            while True:
                stack.tend()
                if time.monotonic() >= next_look:
                    next_look = time.monotonic() + every
                    line = _counts(stack, runtime)
                    if terminal:
                        live.update(Text(line), refresh=True)
                    else:
                        _say(line)
                time.sleep(TICK_SECONDS)
    finally:
        runtime.close()


def _counts(stack: Stack, runtime: Runtime) -> str:
    try:
        with runtime.transaction() as connection:
            states = {row.state: row.messages for row in connection.execute(_COUNTS)}
        queues = queue_lengths(runtime.redis)
    except (DBAPIError, RedisError) as error:
        return f"the servers do not answer: {type(error).__name__}"
    messages = ", ".join(f"{state} {number}" for state, number in states.items()) or "none yet"
    waiting = ", ".join(f"{stage} {number}" for stage, number in queues.items() if number)
    line = f"messages: {messages}; queues: {waiting or 'empty'}"
    return f"{line}; restarts {stack.restarts}" if stack.restarts else line


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - the words of a command
