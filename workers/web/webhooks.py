"""The webhooks: verified on the bytes received, committed, and only then answered.

Who is not known, and who cannot prove to be who they say, is told the same: an account's name is
nothing to be guessed here.
"""

import time
from collections.abc import Callable
from functools import partial
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request, Response

from config.settings import Settings
from pipeline.providers.events import MalformedEventError, OtherEvent, ProviderEvent
from pipeline.providers.signatures import whatsapp_challenge
from workers.clock import BusinessClock, machine_now
from workers.web import documents
from workers.web.bodies import SMALL_BODY_BYTES, Bodies
from workers.web.dialects import (
    SIGNED_BY,
    Account,
    NotGenuineError,
    inbound_events,
    twilio_events,
    whatsapp_events,
)
from workers.web.inbox import Inbox
from workers.web.metrics import WebMetrics
from workers.web.parcels import UnavailableError, UnstorableError
from workers.web.problems import Problem, unavailable

log = structlog.get_logger(__name__)

TWIML = b'<?xml version="1.0" encoding="UTF-8"?><Response/>'
"""Tells Twilio to say nothing: the lane sends the answer, and knows that it did."""

TAKEN = b'{"status": "taken"}'

UNKNOWN = "unknown"

SILENT_SECONDS = 60.0
"""A refusal of one kind is logged so often at most: anybody can cause them."""

Read = Callable[[Account, Request, bytes], list[ProviderEvent]]


class Webhooks:
    """The webhooks of every account in the settings.

    Args:
        public_url: how the world reaches this process, e.g. ``https://hooks.example.com``.
    """

    def __init__(
        self,
        settings: Settings,
        clock: BusinessClock,
        *,
        inbox: Inbox,
        metrics: WebMetrics,
        public_url: str,
    ) -> None:
        self._clock = clock
        self._inbox = inbox
        self._metrics = metrics
        largest = settings.web.largest_body_bytes
        self._bodies = Bodies(
            largest,
            # A form is read before it can be verified, on the loop that all requests share.
            {name: min(SMALL_BODY_BYTES, largest) for name in ("twilio", "inbound")},
        )
        self._accounts = {
            (route, name): Account(name=name, settings=provider, secret=secret)
            for name, provider in settings.providers.items()
            for route in ("whatsapp", "twilio", "inbound")
            if (secret := provider.secret_for(route)) is not None
        }
        self._names = settings.providers.keys()
        self._twilio = partial(twilio_events, public_url=public_url)
        self._logged: dict[tuple[str, str, str], float] = {}

    def add_routes(self, app: FastAPI) -> None:
        """``/webhooks/…``; not through a router of their own, which would cost every request."""
        path = "/webhooks/{kind}/{{account}}".format
        app.add_api_route(path(kind="whatsapp"), self.challenge, **documents.CHALLENGE)
        app.add_api_route(path(kind="whatsapp"), self.whatsapp, **documents.WHATSAPP)
        app.add_api_route(path(kind="twilio"), self.twilio, **documents.TWILIO)
        app.add_api_route(path(kind="inbound"), self.inbound, **documents.INBOUND)

    async def challenge(self, account: str, request: Request) -> Response:
        """WhatsApp asks whether the address is ours, once, when it is set up."""
        known = self._accounts.get(("whatsapp", account.lower()))
        if not request.query_params.get("hub.verify_token"):
            raise self._refused("whatsapp", account, HTTPStatus.UNAUTHORIZED, "unsigned")
        token = None if known is None else _verify_token(known)
        answer = whatsapp_challenge(token, dict(request.query_params))
        if answer is None:
            reason = UNKNOWN if known is None else "mismatch"
            raise self._refused("whatsapp", account, HTTPStatus.FORBIDDEN, reason)
        headers = {"X-Content-Type-Options": "nosniff"}
        return Response(answer, media_type="text/plain", headers=headers)

    async def whatsapp(self, account: str, request: Request) -> Response:
        """Replies, settings and statuses from the WhatsApp Cloud API."""
        await self._take("whatsapp", account, request, whatsapp_events)
        return Response(TAKEN, media_type="application/json")

    async def twilio(self, account: str, request: Request) -> Response:
        """Replies and status callbacks from Twilio."""
        await self._take("twilio", account, request, self._twilio)
        return Response(TWIML, media_type="text/xml")

    async def inbound(self, account: str, request: Request) -> Response:
        """A reply from any other source, signed as Standard Webhooks are."""
        await self._take("inbound", account, request, partial(inbound_events, now=machine_now()))
        return Response(TAKEN, media_type="application/json")

    async def _take(self, route: str, account: str, request: Request, read: Read) -> None:
        received_at, began = self._clock.now(), time.perf_counter()
        known = self._known(route, account, request)
        try:
            raw = await self._bodies.read(route, request)
            events = read(known, request, raw)
        except Problem as problem:
            self._count(route, account, problem.reason)
            raise
        except NotGenuineError as error:
            raise self._refused(route, account, HTTPStatus.FORBIDDEN, str(error)) from None
        except MalformedEventError as error:
            self._count(route, account, "malformed")
            raise Problem(
                HTTPStatus.BAD_REQUEST, f"It cannot be read: {error}.", reason="malformed"
            ) from None
        useful = []
        for event in events:
            if isinstance(event, OtherEvent):
                self._metrics.count_ignored(known.name, event.kind)
            else:
                useful.append(event)
        if not useful:
            return
        try:
            await self._inbox.put(known.name, useful, received_at, began)
        except UnavailableError as error:
            raise unavailable(str(error)) from None
        except UnstorableError as error:
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            raise Problem(status, str(error), reason="unstorable") from None

    def _known(self, route: str, account: str, request: Request) -> Account:
        """The account, before a byte of the body is read.

        Raises:
            Problem: the body is too long, or the request is not signed, or not by one of ours.
        """
        try:
            self._bodies.check_length(route, request)
        except Problem as problem:
            self._count(route, account, problem.reason)
            raise
        if not all(request.headers.get(name) for name in SIGNED_BY[route]):
            raise self._refused(route, account, HTTPStatus.UNAUTHORIZED, "unsigned")
        known = self._accounts.get((route, account.lower()))
        if known is None:
            raise self._refused(route, account, HTTPStatus.FORBIDDEN, UNKNOWN)
        return known

    def _refused(self, route: str, account: str, status: HTTPStatus, reason: str) -> Problem:
        self._count(route, account, reason)
        if status is HTTPStatus.UNAUTHORIZED:
            headers = {"WWW-Authenticate": SIGNED_BY[route][-1]}
            return Problem(status, "The request is not signed.", reason=reason, headers=headers)
        return Problem(status, "The signature is not valid for this address.", reason=reason)

    def _count(self, route: str, account: str, reason: str) -> None:
        name = account.lower()
        label = name if name in self._names else UNKNOWN
        self._metrics.count_refusal(route, label, reason)
        key, now = (route, label, reason), time.monotonic()
        if now - self._logged.get(key, -SILENT_SECONDS) >= SILENT_SECONDS:
            self._logged[key] = now
            log.warning("webhook_refused", route=route, account=label, reason=reason)


def _verify_token(account: Account) -> str | None:
    token = account.settings.verify_token
    if token is None:
        # As with its other secrets, the sandbox's own when none was set.
        return "sandbox" if account.settings.kind == "sandbox" else None
    return token.get_secret_value()
