"""Requests to a sandbox on this machine: how it shall behave, what it took, who writes back."""

import http.client
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workers.clock import BusinessClock

_TIMEOUT_SECONDS = 10.0
_TAKEN = (200, 201)

REPLY_RETRY_SECONDS = 5.0
"""How long a reply is posted again when the webhook is away; shorter than our own patience."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """A message that the sandbox took.

    Attributes:
        message_id: ours; below 0: an answer of the opt-out lane.
        to: E.164.
        at: seconds since 1970, machine time.
    """

    message_id: int
    to: str
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What the webhook said to a reply.

    Attributes:
        status: None: it never answered.
        sent_at, answered_at: seconds since 1970, machine time.
    """

    status: int | None
    sent_at: float
    answered_at: float

    @property
    def taken(self) -> bool:
        """Whether the webhook has taken it: what it means is in force."""
        return self.status in _TAKEN


def behave(port: int, **changes: object) -> None:
    """Change how it behaves; see `Behaviour`.

    Raises:
        OSError: the sandbox does not answer, or refuses.
    """
    _request(port, "PATCH", "/sandbox/behaviour", changes)


def follow_clock(port: int, clock: BusinessClock) -> None:
    """Have its webhooks tell the business time.

    Raises:
        OSError: the sandbox does not answer.
    """
    if clock.start is not None and clock.origin is not None:
        start, origin = clock.start.timestamp(), clock.origin.timestamp()
        behave(port, time_lapse={"start": start, "origin": origin, "speed": clock.speed})


def reply(port: int, replies: Sequence[Mapping[str, object]]) -> list[Answer]:
    """Have people write back; see `Reaction` for what each may do.

    Raises:
        OSError: the sandbox does not answer, or refuses.
    """
    order = {"replies": list(replies), "retry_seconds": REPLY_RETRY_SECONDS}
    results = json.loads(_request(port, "POST", "/sandbox/replies", order))["results"]
    return [
        Answer(
            status=result["status"], sent_at=result["sent_at"], answered_at=result["answered_at"]
        )
        for result in results
    ]


def callbacks_waiting(port: int) -> int:
    """How many callbacks have not been posted yet.

    Raises:
        OSError: the sandbox does not answer.
    """
    webhooks: Mapping[str, int] | None = _stats(port)["webhooks"]
    return webhooks["waiting"] if webhooks else 0


def taken(port: int) -> list[Taken]:
    """Every message that the sandbox took, in order, a repeated one each time.

    Raises:
        OSError: the sandbox does not answer.
    """
    lines = _request(port, "GET", "/sandbox/log?after=0").decode().splitlines()
    entries = [json.loads(line) for line in lines]
    return [
        Taken(message_id=int(entry["message_id"]), to=entry["to"], at=entry["at"])
        for entry in entries
        if entry["status"] in _TAKEN
    ]


def _stats(port: int) -> dict[str, Any]:
    stats: dict[str, Any] = json.loads(_request(port, "GET", "/sandbox/stats"))
    return stats


def _request(port: int, method: str, path: str, content: object = None) -> bytes:
    body = None if content is None else json.dumps(content)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        data = answer.read()
        if answer.status != http.client.OK:
            words = data[:200].decode(errors="replace")
            raise OSError(f"the sandbox answered {answer.status} to {method} {path}: {words}")
        return data
    finally:
        connection.close()
