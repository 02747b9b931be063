"""A mistake of ours is answered with a problem document, logged, counted, and shown to nobody."""

import asyncio
import json
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from workers.web.app import Outermost
from workers.web.metrics import WebMetrics

SECRET = "+15005550006 wrote STOP"  # noqa: S105 - what must not be seen


async def fails_at_once(scope: Scope, receive: Receive, send: Send) -> None:
    del scope, receive, send
    raise KeyError(SECRET)


async def fails_later(scope: Scope, receive: Receive, send: Send) -> None:
    del scope, receive
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise KeyError(SECRET)


def serve(app: Any) -> tuple[list[Message], WebMetrics]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    metrics = WebMetrics()
    outermost = Outermost(app, metrics=metrics)
    asyncio.run(outermost({"type": "http", "method": "GET", "path": "/x"}, receive, send))
    return sent, metrics


def test_a_mistake_is_answered_and_shown_to_nobody() -> None:
    with capture_logs() as logs:
        (start, body), metrics = serve(fails_at_once)

    assert start["status"] == 500
    assert dict(start["headers"])[b"content-type"] == b"application/problem+json"
    assert json.loads(body["body"])["status"] == 500
    assert SECRET not in str(start) + str(body) + str(logs)
    assert logs[0]["event"] == "request_failed"
    assert logs[0]["error"] == "KeyError"
    assert logs[0]["where"].startswith("test_outermost.py:")
    labels = {"route": "other", "status": "500"}
    assert metrics.registry.get_sample_value("recado_requests_total", labels) == 1


def test_an_answer_that_has_begun_is_broken_off() -> None:
    with capture_logs(), pytest.raises(KeyError):
        serve(fails_later)
