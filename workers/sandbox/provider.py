"""The two providers in one: takes messages, remembers them, and tells what became of them."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import parse_qs, unquote

from workers.sandbox import answers
from workers.sandbox.calling import Calling
from workers.sandbox.conduct import Conduct
from workers.sandbox.http import Reply, Request, response
from workers.sandbox.lookup import MessageLookup, provider_id
from workers.sandbox.options import (
    DRIP_SECONDS,
    WITHOUT_WEBHOOKS,
    Behaviour,
    BehaviourError,
    Fault,
    Outcome,
)
from workers.sandbox.people import ReactionError, read_reactions
from workers.sandbox.requestlog import Entry, RequestLog
from workers.sandbox.requests import Sending, read_twilio, read_whatsapp

_TWILIO_PATH = re.compile(rb"/2010-04-01/Accounts/(\w+)/Messages\.json")
_TWILIO_MESSAGE_PATH = re.compile(rb"/2010-04-01/Accounts/(\w+)/Messages/(\w+)\.json")
_WHATSAPP_PATH = re.compile(rb"/v\d+\.\d+/([\w%.+-]+)/(marketing_)?messages")


class Sandbox:
    """The sandbox's state and its answers; see ``server`` for its endpoints.

    Args:
        clock: machine time in seconds since 1970.
        log: where requests are written.
        behaviour: how it begins.
        calling: what calls our webhooks; None: it calls nobody.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        log: RequestLog,
        behaviour: Behaviour,
        calling: Calling | None = None,
    ) -> None:
        self._clock = clock
        self.log = log
        self._conduct = Conduct(behaviour)
        self._calling = calling
        self._run = f"{int(clock() * 1e6):016x}"
        self._lookup = MessageLookup(log)
        self._whatsapp_senders: dict[bytes, str] = {}

    def __call__(self, request: Request, /) -> Reply:
        """Answer one request."""
        at = self._clock()
        if request.method == b"POST":
            path = request.target
            whatsapp = _WHATSAPP_PATH.fullmatch(path)
            if whatsapp is not None:
                return self._whatsapp(request, whatsapp, at)
            twilio = _TWILIO_PATH.fullmatch(path)
            if twilio is not None:
                return self._twilio(request, twilio[1].decode(), at)
        return self._own(request)

    def tend(self) -> None:
        """Write the log, and tell what is to be told; call it twenty times a second."""
        self.log.flush()
        if self._calling is not None:
            now = self._clock()
            self._calling.callbacks.flush(now, told=self._conduct.behaviour.told(now))

    def _twilio(self, request: Request, account: str, at: float) -> Reply:
        if b"\r\nauthorization: basic " not in request.head:
            return Reply(answers.error("twilio", 20003)[1])
        sending = read_twilio(request, account)
        if sending is None:
            return Reply(answers.error("twilio", 21604)[1])
        return self._decide(sending, at)

    def _whatsapp(self, request: Request, path: re.Match[bytes], at: float) -> Reply:
        path_sender = path[1]
        if b"\r\nauthorization: bearer " not in request.head:
            return Reply(answers.error("whatsapp", 190)[1])
        sender = self._whatsapp_senders.get(path_sender)
        if sender is None:
            sender = self._whatsapp_senders[path_sender] = unquote(path_sender.decode())
        sending = read_whatsapp(request, sender, marketing=path[2] is not None)
        if sending is None:
            return Reply(answers.error("whatsapp", 100)[1])
        return self._decide(sending, at)

    def _decide(self, sending: Sending, at: float) -> Reply:
        count = self.log.sender(sending.sender)
        outcome, wait = self._conduct.outcome(sending, count, at)
        delay = self._conduct.delay()
        given = None
        if isinstance(outcome, int):
            status, data = answers.error(sending.dialect, outcome, wait=wait)
        elif outcome == Fault.HTML:
            status, data = 500, answers.HTML
        else:
            given = self._take(sending, at + delay)
            user_ids = self._conduct.behaviour.user_ids
            status, data = answers.taken(sending, given, outcome, user_ids=user_ids)
        self.log.add(
            Entry(
                at=at,
                channel=sending.channel,
                sender=sending.sender,
                to=sending.to,
                message_id=sending.message_id,
                status=status,
                outcome=outcome,
                provider_id=given,
                text=sending.text,
                marketing=sending.marketing,
            ),
            count,
        )
        return _broken(Reply(data, delay), outcome, status)

    def _take(self, sending: Sending, answered_at: float) -> str:
        """Give the message its id, and see to it that its fate is told."""
        given = provider_id(sending.id_prefix, self._run, self.log.lines + 1)
        behaviour = self._conduct.behaviour
        if behaviour.callbacks and self._calling is not None:
            delay = behaviour.callback_delay_ms / 1000
            failure = behaviour.late_failures.get(sending.to)
            due = answered_at + delay
            self._calling.callbacks.add(sending, given, due=due, delay=delay, failure=failure)
        return given

    def _own(self, request: Request) -> Reply:
        path, _, query = request.target.partition(b"?")
        match request.method, path:
            case b"GET", b"/healthz":
                return _json(200, {"status": "ok"})
            case b"GET", b"/sandbox/stats":
                calling = self._calling
                return _json(200, self.log.stats() | {"webhooks": calling and calling.stats()})
            case b"GET", b"/sandbox/log":
                return self._read_log(query.decode("ascii", "replace"))
            case b"GET", b"/sandbox/behaviour":
                return _json(200, self._conduct.behaviour.as_dict())
            case b"PATCH", b"/sandbox/behaviour":
                return self._change(request.body)
            case b"POST", b"/sandbox/replies":
                return self._react(request.body)
            case b"GET", _ if path.startswith(b"/2010-04-01/"):
                return self._look_up(request, path, query.decode("ascii", "replace"))
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
            if changes.get("callbacks") is True and self._calling is None:
                raise BehaviourError(WITHOUT_WEBHOOKS)
            self._conduct.change(changes)
        except ValueError as error:
            return _json(400, {"detail": str(error)})
        return _json(200, self._conduct.behaviour.as_dict())

    def _react(self, body: bytes) -> Reply:
        try:
            if self._calling is None:
                raise ReactionError(WITHOUT_WEBHOOKS)
            reactions = read_reactions(json.loads(body))
        except ValueError as error:
            return _json(400, {"detail": str(error)})
        return Reply(b"", later=self._calling.react(reactions, self._conduct.behaviour.told))

    def _look_up(self, request: Request, path: bytes, query: str) -> Reply:
        if b"\r\nauthorization: basic " not in request.head:
            return Reply(answers.error("twilio", 20003)[1])
        behaviour = self._conduct.behaviour
        one, several = _TWILIO_MESSAGE_PATH.fullmatch(path), _TWILIO_PATH.fullmatch(path)
        if several is not None:
            page = self._lookup.messages(several[1].decode(), parse_qs(query), behaviour)
            return Reply(answers.error("twilio", 20001)[1]) if page is None else _json(200, page)
        found = None
        if one is not None:
            found = self._lookup.message(one[1].decode(), one[2].decode(), behaviour)
        return Reply(answers.error("twilio", 20404)[1]) if found is None else _json(200, found)


def _broken(reply: Reply, outcome: Outcome | None, status: int) -> Reply:
    match outcome:
        case Fault.HANG:
            return replace(reply, silent=True)
        case Fault.CLOSE:
            return replace(reply, data=b"", cut=True)
        case Fault.DRIP:
            return replace(reply, drip=DRIP_SECONDS)
        case Fault.TRUNCATE:
            return replace(reply, data=reply.data[:-20], cut=True)
        case Fault.GARBAGE:
            return replace(reply, data=response(status, b"<html>", content_type="text/html"))
        case _:
            return reply


def _json(status: int, content: object) -> Reply:
    return Reply(response(status, json.dumps(content).encode()))
