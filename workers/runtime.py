"""What a process needs to work: settings, the store, Redis, the clock, the rules.

Made once a process, on first use: a forked Celery child must open its own connections.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cache, cached_property
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy.engine import Connection, Engine

from config.languages_file import Languages, load_languages
from config.logs import configure_logs
from config.policies import Policies, load_policies
from config.settings import Settings, load_settings
from pipeline.policy.content.models import load_models
from pipeline.stages.books import Books
from pipeline.store.engine import create_store_engine
from workers.clock import BusinessClock, shared_clock
from workers.faultpoints import arm
from workers.servers import Servers


@dataclass(slots=False)
class Runtime:
    """The means of one process; each is opened when it is first asked for."""

    settings: Settings
    servers: Servers
    application: str = "recado"
    _closed: bool = field(default=False, init=False)

    @cached_property
    def engine(self) -> Engine:
        """The store."""
        return create_store_engine(self.servers.database_url, application=self.application)

    @cached_property
    def redis(self) -> "Redis":
        """Redis, for what is ours beside Celery's queues.

        Without retries: a script that counts must not run twice because a reply was lost.
        """
        return Redis.from_url(
            self.servers.redis_url,
            socket_connect_timeout=3,
            socket_timeout=10,
            socket_keepalive=True,
            health_check_interval=10,
            retry=Retry(NoBackoff(), 0),
        )

    @cached_property
    def policies(self) -> Policies:
        """Every country's rules."""
        return _read_policies(*_policy_settings(self.settings))

    @cached_property
    def books(self) -> Books:
        """The rules with their windows, as the stages take them."""
        return Books(self.policies, words=self.languages.words)

    @cached_property
    def languages(self) -> Languages:
        """The words by which people leave, and what they are answered."""
        return _read_languages()

    @cached_property
    def clock(self) -> BusinessClock:
        """Business time, shared with every process of the stack."""
        return shared_clock(
            self.engine, start=self.settings.clock_start, speed=self.settings.clock_speed
        )

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction: committed at the end, undone by an exception."""
        with self.engine.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close what was opened, and let go of the embedded servers."""
        if self._closed:
            return
        self._closed = True
        for name in ("engine", "redis"):
            opened = self.__dict__.get(name)
            if isinstance(opened, Engine):
                opened.dispose()
            elif opened is not None:
                opened.close()
        self.servers.close()


# Kept beside the runtime: what is read before a fork is the children's too.
@cache
def _read_policies(
    folder: Path | None,
    closed_days: tuple[date, ...],
    overlays: tuple[str, ...],
    length_blocks: bool,
) -> Policies:
    return load_policies(
        folder, closed_days=closed_days, overlays=overlays, length_blocks=length_blocks
    )


def _policy_settings(
    settings: Settings,
) -> tuple[Path | None, tuple[date, ...], tuple[str, ...], bool]:
    return (
        settings.policies,
        tuple(settings.closed_days),
        tuple(settings.overlays),
        settings.length == "block",
    )


@cache
def _read_languages() -> Languages:
    return load_languages()


def read_ahead(settings: Settings) -> tuple[Policies, Languages]:
    """Read the rules and the languages, once a process: before it forks, or without a store.

    It costs a second or two.
    """
    return _read_policies(*_policy_settings(settings)), _read_languages()


def read_models_ahead(settings: Settings, *, on: date) -> None:
    """Read what texts are judged with, for whoever judges them: as `read_ahead`, and longer."""
    policies, languages = read_ahead(settings)
    countries = {country for pack in policies.packs() for country in pack.countries}
    for country in sorted(countries):
        policy = policies.for_country(country, on)
        if policy is not None:
            load_models(policy.contents.values(), languages.words)


_runtimes: dict[int, Runtime] = {}


def open_runtime(application: str = "recado") -> Runtime:
    """Read the settings, set up the logs, and find (or start) the servers.

    Raises:
        SettingsError: a setting cannot be used.
        ServersError: a server cannot be reached or started.
    """
    settings = load_settings()
    configure_logs(settings.log_format, settings.log_level)
    arm(settings.fault)
    return Runtime(settings, Servers.find(settings), application)


def process_runtime() -> Runtime:
    """The runtime of this process, made on first use; a forked child gets its own."""
    pid = os.getpid()
    if pid not in _runtimes:
        _runtimes.clear()  # the parent's connections are not ours to use or to close
        _runtimes[pid] = open_runtime()
    return _runtimes[pid]
