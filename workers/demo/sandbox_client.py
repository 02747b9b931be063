"""The demo's own requests to the sandbox: how it shall behave, and what it took."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass

_TIMEOUT_SECONDS = 10.0
_TAKEN = (200, 201)


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """A message that the sandbox took; `at` in seconds since 1970, machine time."""

    message_id: int
    at: float


def set_recipients(port: int, outcomes: Mapping[str, int]) -> None:
    """Make certain numbers always answer with an error code.

    Raises:
        OSError: the sandbox does not answer.
    """
    _request(port, "PATCH", "/sandbox/behaviour", json.dumps({"recipients": dict(outcomes)}))


def taken(port: int) -> list[Taken]:
    """Every message that the sandbox took, in order, a repeated one each time.

    Raises:
        OSError: the sandbox does not answer.
    """
    lines = _request(port, "GET", "/sandbox/log?after=0").decode().splitlines()
    entries = [json.loads(line) for line in lines]
    return [
        Taken(message_id=int(entry["message_id"]), at=entry["at"])
        for entry in entries
        if entry["status"] in _TAKEN
    ]


def _request(port: int, method: str, path: str, body: str | None = None) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != http.client.OK:
            raise OSError(f"the sandbox answered {answer.status} to {method} {path}")
        return content
    finally:
        connection.close()
