"""``recado smpp``: what SMSCs deliver, until SIGTERM or Ctrl-C."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from prometheus_client import start_http_server

from config.languages_file import load_languages
from config.smpp_settings import SmppSettings
from pipeline.store.engine import create_prompt_engine
from workers.cli.session import session
from workers.courier.process import smpp_account
from workers.heartbeat import Heartbeat
from workers.runtime import Runtime
from workers.smpp import Receiver
from workers.web.inbox import Inbox
from workers.web.metrics import WebMetrics

log = structlog.get_logger(__name__)

ROLE = "smpp"


def smpp() -> None:
    """Take in replies and receipts from every SMPP account, until SIGTERM or Ctrl-C."""
    with session(f"recado-{ROLE}") as runtime:
        metrics = WebMetrics()
        inbox = Inbox(
            runtime.servers.database_url,
            books=runtime.books,
            lexicon=load_languages().lexicon,
            clock=runtime.clock,
            metrics=metrics,
        )
        alive = Heartbeat(runtime.servers.redis_url, [ROLE], lambda: inbox.alive)
        with _metrics_served(runtime.settings.smpp, metrics), inbox, alive:
            asyncio.run(_receive(runtime, inbox, metrics))
    log.info("stopped", role=ROLE)


@contextmanager
def _metrics_served(settings: SmppSettings, metrics: WebMetrics) -> Iterator[None]:
    """Serve what is counted, for Prometheus, from a thread; where a port is set for it."""
    if settings.metrics_port is None:
        yield
        return
    server, thread = start_http_server(
        settings.metrics_port, settings.metrics_host, registry=metrics.registry
    )
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def _receive(runtime: Runtime, inbox: Inbox, metrics: WebMetrics) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop(number: int) -> None:
        log.info("stopping", role=ROLE, signal=signal.Signals(number).name)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    accounts = [
        account
        for name, settings in runtime.settings.providers.items()
        if (account := smpp_account(name, settings)) is not None
    ]
    # Two connections an account: see `Lookups`.
    engine = create_prompt_engine(
        runtime.servers.database_url,
        pool_size=max(2, 2 * len(accounts)),
        application="recado-smpp-lookups",
    )
    receivers = [
        Receiver(account, inbox=inbox, engine=engine, clock=runtime.clock, metrics=metrics)
        for account in accounts
    ]
    log.info("started", role=ROLE, accounts=len(accounts))
    try:
        await stopping.wait()
    finally:
        await asyncio.gather(*(receiver.close() for receiver in receivers))
        engine.dispose()
