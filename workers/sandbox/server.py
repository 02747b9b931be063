"""The sandbox provider's server: sending endpoints of two providers, and its own.

POST  /2010-04-01/Accounts/{sid}/Messages.json    Twilio
POST  /v{N}.0/{phone_number_id}/messages          WhatsApp Cloud API
GET   /sandbox/log?after=N                        every request after number N, NDJSON
GET   /sandbox/stats                              counters
GET   /sandbox/behaviour, PATCH                   how it behaves
GET   /healthz
"""

import asyncio
import json
import re
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, unquote

from workers.sandbox import answers
from workers.sandbox.http import Connection, Reply, Request, response
from workers.sandbox.options import Behaviour, BehaviourError, Fault, Outcome, SandboxOptions
from workers.sandbox.requestlog import Entry, RequestLog, SenderCount
from workers.sandbox.requests import Sending, read_twilio, read_whatsapp

_FLUSH_SECONDS = 0.05
_TWILIO_PATH = re.compile(rb"/2010-04-01/Accounts/(\w+)/Messages\.json")
_WHATSAPP_PATH = re.compile(rb"/v\d+\.\d+/([\w%.+-]+)/messages")
_GOLDEN = 0.6180339887498949


class Sandbox:
    """The sandbox's state and its answers; see the module for its endpoints.

    Args:
        clock: machine time in seconds since 1970.
        log: where requests are written.
        behaviour: how it begins.
    """

    def __init__(self, clock: Callable[[], float], log: RequestLog, behaviour: Behaviour) -> None:
        self._clock = clock
        self.log = log
        self._behaviour = behaviour
        self._answered = 0
        self._errors_due = 0.0
        self._whatsapp_senders: dict[bytes, str] = {}

    def __call__(self, request: Request, /) -> Reply:
        """Answer one request."""
        at = self._clock()
        if request.method == b"POST":
            path = request.target
            whatsapp = _WHATSAPP_PATH.fullmatch(path)
            if whatsapp is not None:
                return self._whatsapp(request, whatsapp[1], at)
            twilio = _TWILIO_PATH.fullmatch(path)
            if twilio is not None:
                return self._twilio(request, twilio[1].decode(), at)
        return self._own(request)

    def _twilio(self, request: Request, account: str, at: float) -> Reply:
        if b"\r\nauthorization: basic " not in request.head:
            return Reply(answers.error("sms", 20003)[1])
        sending = read_twilio(request, account)
        if sending is None:
            return Reply(answers.error("sms", 21604)[1])
        return self._decide(sending, at)

    def _whatsapp(self, request: Request, path_sender: bytes, at: float) -> Reply:
        if b"\r\nauthorization: bearer " not in request.head:
            return Reply(answers.error("whatsapp", 190)[1])
        sender = self._whatsapp_senders.get(path_sender)
        if sender is None:
            sender = self._whatsapp_senders[path_sender] = unquote(path_sender.decode())
        sending = read_whatsapp(request, sender)
        if sending is None:
            return Reply(answers.error("whatsapp", 100)[1])
        return self._decide(sending, at)

    def _decide(self, sending: Sending, at: float) -> Reply:
        count = self.log.sender(sending.sender)
        outcome, wait = self._outcome(sending, count, at)
        provider_id = None
        if isinstance(outcome, int):
            status, data = answers.error(sending.channel, outcome, wait=wait)
        elif outcome == Fault.HTML:
            status, data = 500, answers.HTML
        else:
            provider_id = f"{sending.id_prefix}{self.log.lines + 1:032x}"
            status, data = answers.taken(sending, provider_id, held=outcome == Fault.HELD)
        self.log.add(
            Entry(
                at=at,
                channel=sending.channel,
                sender=sending.sender,
                to=sending.to,
                message_id=sending.message_id,
                status=status,
                outcome=outcome,
                provider_id=provider_id,
            ),
            count,
        )
        return _broken(Reply(data, self._delay()), outcome, status)

    def _outcome(
        self, sending: Sending, count: SenderCount, at: float
    ) -> tuple[Outcome | None, float]:
        """What happens to a message, and for a rate limit the seconds to wait."""
        behaviour = self._behaviour
        limit = behaviour.rate_limit
        if limit is not None and count.within_last_second(at) >= limit:
            return answers.RATE_LIMITED[sending.channel], count.wait(at)
        outcome = behaviour.recipients.get(sending.to) if behaviour.recipients else None
        if outcome is None and behaviour.error_rate and self._error_is_due():
            outcome = behaviour.error_code
        return outcome, 0.0

    def _error_is_due(self) -> bool:
        self._errors_due += self._behaviour.error_rate
        if self._errors_due < 1.0 - 1e-9:  # a tenth ten times is a little less than one
            return False
        self._errors_due -= 1.0
        return True

    def _delay(self) -> float:
        behaviour = self._behaviour
        if not behaviour.jitter_ms:
            return behaviour.latency_ms / 1000
        # Spread evenly and the same in every run: multiples of the golden ratio.
        self._answered += 1
        share = (self._answered * _GOLDEN) % 1.0
        return max(0.0, behaviour.latency_ms + behaviour.jitter_ms * (2 * share - 1)) / 1000

    def _own(self, request: Request) -> Reply:
        path, _, query = request.target.partition(b"?")
        match request.method, path:
            case b"GET", b"/healthz":
                return _json(200, {"status": "ok"})
            case b"GET", b"/sandbox/stats":
                return _json(200, self.log.stats())
            case b"GET", b"/sandbox/log":
                return self._read_log(query.decode("ascii", "replace"))
            case b"GET", b"/sandbox/behaviour":
                return _json(200, self._behaviour.as_dict())
            case b"PATCH", b"/sandbox/behaviour":
                return self._change(request.body)
            case _:
                return _json(404, {"detail": "no such endpoint"})

    def _read_log(self, query: str) -> Reply:
        after = parse_qs(query).get("after", ["0"])[0]
        if not (after.isascii() and after.isdigit()):
            return _json(400, {"detail": "after must be a whole number"})
        start, count = self.log.span(int(after))
        head = response(200, b"", content_type="application/x-ndjson", length=count)
        return Reply(head, file=self.log.path, start=start, count=count)

    def _change(self, body: bytes) -> Reply:
        try:
            changes = json.loads(body)
            if not isinstance(changes, dict):
                raise BehaviourError("the body must be an object")
            self._behaviour = self._behaviour.changed(changes)
        except ValueError as error:
            return _json(400, {"detail": str(error)})
        return _json(200, self._behaviour.as_dict())


def _broken(reply: Reply, outcome: Outcome | None, status: int) -> Reply:
    match outcome:
        case Fault.HANG:
            return replace(reply, silent=True)
        case Fault.CLOSE:
            return replace(reply, data=b"", cut=True)
        case Fault.TRUNCATE:
            return replace(reply, data=reply.data[:-20], cut=True)
        case Fault.GARBAGE:
            return replace(reply, data=response(status, b"<html>", content_type="text/html"))
        case _:
            return reply


def _json(status: int, content: object) -> Reply:
    return Reply(response(status, json.dumps(content).encode()))


async def serve(options: SandboxOptions, on_ready: Callable[[str], None]) -> None:
    """Run a sandbox until cancelled.

    Args:
        options: how.
        on_ready: called with the base address, e.g. ``http://127.0.0.1:8900``, as soon as
            connections are taken.

    Raises:
        OSError: the port is taken, or the log cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="recado-sandbox-") as folder:
        log = RequestLog(options.log or Path(folder) / "requests.ndjson")
        sandbox = Sandbox(options.clock, log, options.behaviour)
        connections: set[Connection] = set()
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(
                lambda: Connection(sandbox, connections), options.host, options.port, backlog=1024
            )
            try:
                port = server.sockets[0].getsockname()[1]
                on_ready(f"http://{options.host}:{port}")
                while True:
                    await asyncio.sleep(_FLUSH_SECONDS)
                    log.flush()
            finally:
                server.close()
                for connection in tuple(connections):
                    connection.close()
        finally:
            log.close()


def run(options: SandboxOptions, on_ready: Callable[[str], None]) -> None:
    """Run a sandbox in this thread until interrupted; see `serve`."""
    asyncio.run(serve(options, on_ready))
