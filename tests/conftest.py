"""Real servers for the tests: one PostgreSQL and one Redis a session, empty for every test.

A test asks for `servers` (addresses), `runtime` (what a process of ours works with) or `recado`
(our commands as subprocesses). ``pytest --redis-server PATH`` runs a Redis binary in place of the
embedded Valkey.
"""

import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from redis import ConnectionError as RedisConnectionError
from redis import Redis
from sqlalchemy.engine import make_url

from config.settings import Settings
from pipeline.store.engine import create_store_engine
from pipeline.store.schema import upgrade
from workers.embedded import EmbeddedServers
from workers.runtime import Runtime
from workers.servers import Servers

TEMPLATE = "recado_template"
REDIS_DATABASES = 15
PROJECT = Path(__file__).parent.parent

_names = itertools.count(1)

Condition = Callable[[], object]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--redis-server",
        metavar="PATH",
        type=Path,
        help="run this Redis binary in the integration tests, not the embedded Valkey",
    )
    parser.addoption(
        "--require-smsc",
        action="store_true",
        help="fail where the tests of SMPP would be skipped, for want of node, npm or a registry",
    )


def pytest_configure() -> None:
    """Ctrl-C and SIGTERM end the tests in order.

    A shell's background job ignores SIGINT, and whatever it starts would ignore it, too.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Whoever ends the tests, with `timeout` too, has their servers and disks cleared away.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def session_servers(request: pytest.FixtureRequest) -> Iterator[Servers]:
    """The servers of the session; their PostgreSQL holds a migrated template database."""
    # Short on purpose: the path of a Unix socket may have 107 characters.
    home = Path(tempfile.mkdtemp(prefix="recado-test-"))
    embedded = EmbeddedServers(home / "home")
    addresses = embedded.acquire()
    try:
        with _redis_of_choice(
            request.config.getoption("--redis-server"), home, addresses.redis_url
        ) as redis_url:
            _forgo_durability(addresses.database_url)
            _admin(addresses.database_url, sql.SQL("CREATE DATABASE recado_template"))
            engine = create_store_engine(_named(addresses.database_url, TEMPLATE))
            upgrade(engine)
            engine.dispose()  # a database with a session cannot be copied
            yield Servers(addresses.database_url, redis_url)
    finally:
        embedded.release()
        shutil.rmtree(home, ignore_errors=True)


def _forgo_durability(admin_url: str) -> None:
    """This server is never killed, and goes with the session: nobody need wait for its disk.

    Dropping a test's database alone would wait for 0.7 s: it writes a checkpoint.
    """
    for setting in ("fsync", "full_page_writes"):
        _admin(admin_url, sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
    _admin(admin_url, sql.SQL("SELECT pg_reload_conf()"))


@pytest.fixture
def servers(session_servers: Servers) -> Iterator[Servers]:
    """A migrated, empty database and an empty Redis database, for one test."""
    number = next(_names)
    name = f"recado_test_{number}"
    redis_url = _numbered(session_servers.redis_url, number % REDIS_DATABASES + 1)
    with Redis.from_url(redis_url) as client:
        client.flushdb()
    admin_url = session_servers.database_url
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    _admin(admin_url, create.format(sql.Identifier(name), sql.Identifier(TEMPLATE)))
    yield Servers(_named(admin_url, name), redis_url)
    _admin(admin_url, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def unmigrated(session_servers: Servers, servers: Servers) -> Iterator[Servers]:
    """The same with a database that no migration has touched."""
    name = f"recado_empty_{next(_names)}"
    admin_url = session_servers.database_url
    _admin(admin_url, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield Servers(_named(admin_url, name), servers.redis_url)
    _admin(admin_url, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def environment(servers: Servers, tmp_path: Path) -> dict[str, str]:
    """The environment in which our processes find this test's servers."""
    return environment_for(servers, tmp_path)


def environment_for(servers: Servers, home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RECADO_")}
    return kept | {
        "RECADO_DATABASE_URL": servers.database_url,
        "RECADO_REDIS_URL": servers.redis_url,
        "RECADO_HOME": str(home / "home"),
        "RECADO_LOG_LEVEL": "WARNING",
        "NO_COLOR": "1",
        "COLUMNS": "200",
    }


@pytest.fixture
def runtime(servers: Servers, tmp_path: Path) -> Iterator[Runtime]:
    """The means of a process, for tests that call our functions directly."""
    opened = Runtime(Settings(_env_file=None, home=tmp_path / "home"), servers, "test")  # type: ignore[call-arg]
    yield opened
    opened.close()


Recado = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def recado(environment: dict[str, str], tmp_path: Path) -> Recado:
    """Runs a command of ours to its end: ``recado("db", "upgrade")``."""

    def run(
        *arguments: str | Path, env: Mapping[str, str] | None = None, timeout: float = 60
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "workers.cli.main", *map(str, arguments)],
            env=environment | {"PYTHONPATH": str(PROJECT)} | dict(env or {}),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Starts a command of ours beside the test, and ends it with the test.

    ``start("intake")`` is `recado intake`; ``start(module="celery", …)`` another module.
    """
    started: list[subprocess.Popen[str]] = []

    def run(
        *arguments: str, module: str = "workers.cli.main", env: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[str]":
        log = (tmp_path / f"process-{len(started)}.log").open("w")
        with log:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                env=environment | {"PYTHONPATH": str(PROJECT)} | dict(env or {}),
                cwd=tmp_path,
                stdout=log,
                stderr=log,
                text=True,
            )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.terminate()
    for process in started:
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


@pytest.fixture(scope="session")
def wait_for() -> Callable[..., None]:
    """Waits until a condition holds, and fails the test when it does not in time (seconds)."""

    def wait(condition: Condition, *, timeout: float = 20.0, what: str = "the condition") -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, f"{what} did not come within {timeout:g} s"
            time.sleep(0.02)

    return wait


@pytest.fixture
def free_port() -> int:
    """A port of this machine on which nobody listens."""
    return _free_port()


@contextmanager
def _redis_of_choice(binary: Path | None, home: Path, embedded_url: str) -> Iterator[str]:
    if binary is None:
        yield embedded_url
        return
    port = _free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(home)]
    process = subprocess.Popen(
        [binary, *options, "--appendonly", "yes", "--save", ""], stdout=subprocess.DEVNULL
    )
    url = f"redis://127.0.0.1:{port}/0"
    try:
        while not _answers(url):
            assert process.poll() is None, f"{binary} ended with {process.returncode}"
            time.sleep(0.02)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(url: str) -> bool:
    with Redis.from_url(url) as client:
        try:
            return bool(client.ping())
        except RedisConnectionError:
            return False


def _admin(url: str, statement: sql.SQL | sql.Composed) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def _named(url: str, database: str) -> str:
    return make_url(url).set(database=database).render_as_string(hide_password=False)


def _numbered(url: str, database: int) -> str:
    return f"{url.rsplit('/', 1)[0]}/{database}"
