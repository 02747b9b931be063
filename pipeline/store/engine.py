"""The connection to PostgreSQL: one engine a process, with limits that fail loudly."""

from sqlalchemy import create_engine
from sqlalchemy.engine import Engine, make_url

_KEEPALIVE = {
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 3000,
}
"""Seconds, seconds, probes, milliseconds: a host that has vanished is noticed in some 5 seconds."""


def create_store_engine(url: str, *, pool_size: int = 5, application: str = "recado") -> Engine:
    """An engine for `url` (any ``postgresql://`` form), over psycopg 3.

    Connections are tested when taken from the pool, so that a restarted PostgreSQL costs one
    reconnect and no failed task. A statement that runs for 60 s is cut off: no query of ours
    may take that long, and a worker stuck in one would hold its rows.
    """
    parsed = make_url(url).set(drivername="postgresql+psycopg")
    return create_engine(
        parsed,
        pool_size=pool_size,
        max_overflow=0,
        pool_pre_ping=True,
        pool_timeout=30,
        # An error's text must not carry phone numbers or message texts into a log.
        hide_parameters=True,
        connect_args={
            "connect_timeout": 5,
            "application_name": application,
            "options": "-c statement_timeout=60000 -c timezone=UTC -c jit=off",
        },
    )


def create_prompt_engine(url: str, *, pool_size: int, application: str) -> Engine:
    """An engine for a process that somebody outside waits for: it fails within seconds.

    A statement is cut off after 4 s, a wait for a lock after 2 s, an attempt to connect after
    2 s (the least that PostgreSQL's library takes).
    """
    parsed = make_url(url).set(drivername="postgresql+psycopg")
    return create_engine(
        parsed,
        pool_size=pool_size,
        max_overflow=0,
        pool_pre_ping=True,
        pool_timeout=2,
        hide_parameters=True,
        connect_args={
            "connect_timeout": 2,
            "application_name": application,
            "options": "-c statement_timeout=4000 -c lock_timeout=2000 -c timezone=UTC -c jit=off",
            **_KEEPALIVE,
        },
    )
