"""The processes that make up a stack on one machine."""

import socket
import sys
from dataclasses import dataclass

from redis import Redis, RedisError

from pipeline.policy.vocabulary import Stage
from workers.heartbeat import PREFIX
from workers.sandbox.options import Behaviour
from workers.stack.ports import port_answers

BULK_NICENESS = 5
"""Bulk work fills every core that it finds. A webhook's transaction is a dozen short steps, each
of which waits for its turn: among equals on a busy machine they take 200 ms in place of 15. So
bulk ranks behind the webhooks and the opt-out lane, and gets what those leave: nearly all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Role:
    """One process of a stack.

    Attributes:
        name: names its log and stands in the record of the stack.
        command: how it is started.
        heartbeat: the role under which it gives signs of life in Redis; None: it gives none.
        port: without a heartbeat, the port on 127.0.0.1 that it answers on once it is up.
        helper: others need it: it is stopped after them.
        niceness: its rank where the processor does not suffice for all; see `BULK_NICENESS`.
    """

    name: str
    command: tuple[str, ...]
    heartbeat: str | None = None
    port: int | None = None
    helper: bool = False
    niceness: int = 0

    def is_ready(self, pid: int, client: "Redis") -> bool:
        """Whether the process with that id, on this host, has given a sign of life."""
        if self.heartbeat is None:
            return self.port is None or port_answers(self.port)
        try:
            return bool(client.exists(f"{PREFIX}{self.heartbeat}:{socket.gethostname()}:{pid}"))
        except RedisError:
            return False


def recado_role(name: str) -> Role:
    """`recado intake` or `recado dispatch`."""
    return Role(
        name=name,
        command=(sys.executable, "-m", "workers.cli.main", name),
        heartbeat=name,
        niceness=BULK_NICENESS,
    )


def worker_role(name: str, stages: tuple[Stage, ...], *, processes: int) -> Role:
    """A Celery worker of some queues.

    Args:
        name: stands in its node name, so that two workers on one host differ.
        stages: whose queues it reads.
        processes: child processes.
    """
    return Role(
        name=name,
        command=(
            *(sys.executable, "-m", "celery", "--app", "workers", "worker"),
            *("--queues", ",".join(stages), "--concurrency", str(processes)),
            *("--hostname", f"{name}@%h"),
            # Workers have nothing to tell each other: PostgreSQL knows what is to be done.
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        ),
        heartbeat=stages[0].value,
        niceness=0 if Stage.OPTOUT in stages else BULK_NICENESS,
    )


def sandbox_role(
    port: int, behaviour: Behaviour, *, log: str | None = None, webhook_url: str | None = None
) -> Role:
    """The sandbox provider, as the account ``sandbox``.

    Args:
        port: a fixed one, so that a restarted sandbox is found again.
        behaviour: latency, jitter, errors, the rate limit and callbacks; answers for certain
            recipients are set while it runs.
        log: the file for its log of requests; None: a temporary one.
        webhook_url: where `recado web` is reached; None: it calls nobody.
    """
    options = {
        "--port": port,
        "--latency-ms": behaviour.latency_ms,
        "--jitter-ms": behaviour.jitter_ms,
        "--error-rate": behaviour.error_rate,
        "--error-code": behaviour.error_code,
        "--rate-limit": behaviour.rate_limit,
        "--callback-delay-ms": behaviour.callback_delay_ms,
        "--log": log,
        "--webhook-url": webhook_url,
    }
    arguments = [
        str(part) for name, value in options.items() if value is not None for part in (name, value)
    ]
    if behaviour.callbacks:
        arguments.append("--callbacks")
    return Role(
        name="sandbox",
        command=(sys.executable, "-m", "workers.cli.main", "sandbox", *arguments),
        port=port,
        helper=True,
    )


def web_role(port: int, *, host: str = "127.0.0.1") -> Role:
    """`recado web`.

    Args:
        port: a fixed one, so that providers find it again after a restart.
        host: where it listens; other machines cannot call the default.
    """
    return Role(
        name="web",
        command=(
            *(sys.executable, "-m", "workers.cli.main", "web"),
            *("--host", host, "--port", str(port)),
        ),
        heartbeat="web",
    )


def smpp_role() -> Role:
    """`recado smpp`: it puts opt-outs in force, as `recado web` does, and waits for no bulk."""
    return Role(
        name="smpp", command=(sys.executable, "-m", "workers.cli.main", "smpp"), heartbeat="smpp"
    )


def standard_roles() -> tuple[Role, ...]:
    """What every stack runs beside `recado web`; the dispatcher, which gives out work, last."""
    return (
        recado_role("intake"),
        worker_role("bulk", (Stage.CONSENT, Stage.WINDOW, Stage.THROTTLE), processes=2),
        worker_role("delivery", (Stage.DELIVERY,), processes=1),
        worker_role("optout", (Stage.OPTOUT,), processes=1),
        recado_role("dispatch"),
    )
