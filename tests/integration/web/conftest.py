"""A web process in this one: the real server, on a thread of its own, over real HTTP."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import pytest

from config.languages_file import load_languages
from config.settings import ProviderSettings, Settings, WebSettings
from pipeline.policy.vocabulary import Channel
from tests.integration.web.calling import ACCOUNTS, OUR_NUMBER, PUBLIC_URL, Caller
from tests.integration.world import World
from workers.runtime import Runtime
from workers.servers import Servers
from workers.web.app import create_app
from workers.web.inbox import Inbox
from workers.web.metrics import WebMetrics
from workers.web.serving import bind, create_server

Tell = Callable[[Sequence[int]], bool]
Serve = Callable[..., "Site"]
WaitFor = Callable[..., None]

LEXICON = load_languages().lexicon


class Site(Caller):
    """A running web process.

    Attributes:
        told: the ids that the lane was told of.
    """

    def __init__(self, address: str, metrics: WebMetrics, inbox: Inbox) -> None:
        super().__init__(address)
        self.told: list[int] = []
        self.inbox = inbox
        self._metrics = metrics

    def figure(self, name: str, **labels: str) -> float:
        """What is counted under a name."""
        return self._metrics.registry.get_sample_value(name, labels) or 0.0


@contextmanager
def serving(runtime: Runtime, tell: Tell | None = None) -> Iterator[Site]:
    """Serve until the end of the context, with `runtime`'s settings and servers."""
    metrics = WebMetrics()
    told: list[int] = []

    def remember(ids: Sequence[int]) -> bool:
        told.extend(ids)
        return True

    inbox = Inbox(
        runtime.servers.database_url,
        books=runtime.books,
        lexicon=LEXICON,
        clock=runtime.clock,
        metrics=metrics,
        tell=tell or remember,
    )
    app = create_app(runtime, inbox=inbox, metrics=metrics, public_url=PUBLIC_URL)
    server = create_server(app)
    listening = bind("127.0.0.1", 0)
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    site = Site(address, metrics, inbox)
    site.told = told
    # It takes signals only on the main thread.
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])))
    with inbox:
        thread.start()
        try:
            yield site
        finally:
            server.should_exit = True
            thread.join(30)


def runtime_of(runtime: Runtime, **web: object) -> Runtime:
    """The same servers, with the accounts of the tests and other settings for the web."""
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]
        home=runtime.settings.home,
        providers={
            name: ProviderSettings.model_validate(values) for name, values in ACCOUNTS.items()
        },
        web=WebSettings.model_validate(web),
    )
    addresses = Servers(runtime.servers.database_url, runtime.servers.redis_url)
    return Runtime(settings, addresses, "test-web")


@pytest.fixture
def serve(runtime: Runtime) -> Iterator[Serve]:
    """Starts a site: ``serve(database_url=…, redis_url=…, tell=…, **web_settings)``."""
    with ExitStack() as stack:

        def start(
            *,
            database_url: str | None = None,
            redis_url: str | None = None,
            tell: Tell | None = None,
            **web: object,
        ) -> Site:
            own = runtime_of(runtime, **web)
            own.servers = Servers(
                database_url or own.servers.database_url, redis_url or own.servers.redis_url
            )
            stack.callback(own.close)
            return stack.enter_context(serving(own, tell))

        yield start


@pytest.fixture
def site(serve: Serve, world: World) -> Site:
    """A site whose number is a sender of ours, by SMS and by WhatsApp."""
    world.sender("us", provider="tw", address=OUR_NUMBER)
    world.sender("wa", provider="wa", address=OUR_NUMBER, channel=Channel.WHATSAPP)
    return serve()
