"""``recado web``: the webhooks, until SIGTERM or Ctrl-C."""

import gc
import logging
import signal
import sys
from typing import Annotated, Any

import structlog
import typer

from config.languages_file import load_languages
from workers.cli.output import CommandError
from workers.cli.session import session
from workers.heartbeat import Heartbeat
from workers.runtime import Runtime
from workers.web.app import create_app
from workers.web.inbox import Inbox
from workers.web.metrics import WebMetrics
from workers.web.serving import bind, create_server

log = structlog.get_logger(__name__)

ROLE = "web"

SWITCH_SECONDS = 0.001


def web(
    *,
    host: Annotated[str | None, typer.Option(help="Default: RECADO_WEB__HOST.")] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Default: RECADO_WEB__PORT; 0 picks a free one."),
    ] = None,
) -> None:
    """Serve the webhooks, health and figures, until SIGTERM or Ctrl-C."""
    with session(f"recado-{ROLE}") as runtime:
        _serve(runtime, host, port)
    log.info("stopped", role=ROLE)


def _serve(runtime: Runtime, host: str | None, port: int | None) -> None:
    settings = runtime.settings.web
    host = settings.host if host is None else host
    port = settings.port if port is None else port
    try:
        listening = bind(host, port)
    except OSError as error:
        raise CommandError(f"cannot listen on {host}, port {port}: {error.strerror}") from None
    port = listening.getsockname()[1]
    public_url = settings.model_copy(update={"host": host, "port": port}).address
    metrics = WebMetrics()
    inbox = Inbox(
        runtime.servers.database_url,
        books=runtime.books,
        lexicon=load_languages().lexicon,
        clock=runtime.clock,
        metrics=metrics,
    )
    app = create_app(runtime, inbox=inbox, metrics=metrics, public_url=public_url)
    # A line for every client that speaks no HTTP, and several at every start.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    signal.signal(signal.SIGTERM, _note)
    signal.signal(signal.SIGINT, _note)
    server = create_server(app)
    with inbox, Heartbeat(runtime.servers.redis_url, [ROLE], lambda: inbox.alive):
        if settings.public_url is None and _is_called_from_outside(runtime):
            log.warning("web_public_url_unset", url=public_url)
        _steady()
        log.info("web_listening", host=host, port=port, url=public_url)
        server.run(sockets=[listening])


def _steady() -> None:
    """Keep answers from waiting: for a collection of all that was loaded, or for a writer's turn.

    Libraries, rules and tables of words are 170,000 objects that never go away, and looking
    through them stops every thread for 60 ms. A thread that computes holds the others up for 5 ms
    at a time where nothing else is said.
    """
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH_SECONDS)


def _is_called_from_outside(runtime: Runtime) -> bool:
    return any(one.kind == "twilio" for one in runtime.settings.providers.values())


def _note(number: int, _frame: Any) -> None:
    """What the server does with a signal; it raises it again when all is done, for us."""
    log.info("stopping", role=ROLE, signal=signal.Signals(number).name)
