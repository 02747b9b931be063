"""How each route stands in the OpenAPI document: its headers, its body, all of its answers."""

from collections.abc import Mapping
from typing import Any, TypedDict

from fastapi import FastAPI, Response
from fastapi.openapi.utils import get_openapi

from workers.web.bodies import SMALL_BODY_BYTES
from workers.web.problems import MEDIA_TYPE
from workers.web.ready_schema import READY_SCHEMA

TITLE = "Recado"
VERSION = "1"

SUMMARY = "Webhooks of message providers, health and figures."

PROBLEM: Mapping[str, Any] = {
    "type": "object",
    "description": "An error, as RFC 9457 has it.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "missing": {
            "type": "array",
            "items": {"enum": ["database", "schema", "redis"]},
            "description": "Only of /readyz: what does not answer.",
        },
    },
}

REASONS = {
    400: "It is signed, and cannot be read; or it is not HTTP as it should be.",
    401: "It is not signed.",
    403: "The signature is not valid for this address, or nobody has this address.",
    408: "The body takes too long.",
    413: "The body is too long: the description of the request's body says how long it may be.",
    500: "A mistake of ours; it was logged.",
    503: "It cannot be stored now. Bring it again, after the seconds of Retry-After.",
}

_RETRY_AFTER = {
    "Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 0}}
}


class Route(TypedDict, total=False):
    """What a route is declared with."""

    methods: list[str]
    summary: str
    operation_id: str
    response_class: type[Response]
    responses: dict[int | str, dict[str, Any]]
    openapi_extra: dict[str, Any]
    tags: list[Any]


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    answers: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        answers[status] = {
            "description": REASONS[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        if status == 503:  # noqa: PLR2004 - its own name in HTTP
            answers[status]["headers"] = _RETRY_AFTER
    return answers


def _answer(words: str, media_type: str, schema: Mapping[str, Any]) -> dict[int | str, Any]:
    return {200: {"description": words, "content": {media_type: {"schema": dict(schema)}}}}


def _header(name: str, words: str, *, required: bool = False) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": required,
        "description": words,
        "schema": {"type": "string"},
    }


_TAKEN = {
    "type": "object",
    "required": ["status"],
    "properties": {"status": {"const": "taken"}},
}
_WEBHOOK_PROBLEMS = _problems(400, 401, 403, 408, 413, 500, 503)


def _webhook(
    name: str,
    summary: str,
    *,
    headers: list[dict[str, Any]],
    bodies: Mapping[str, Mapping[str, Any]],
    answer: dict[int | str, Any],
    security: dict[str, list[str]],
    length: str = f"At most {SMALL_BODY_BYTES} bytes.",
) -> Route:
    return Route(
        methods=["POST"],
        summary=summary,
        operation_id=name,
        tags=["webhooks"],
        response_class=Response,
        responses=answer | _WEBHOOK_PROBLEMS,
        openapi_extra={
            "parameters": headers,
            "security": [security],
            "requestBody": {
                "required": True,
                "description": length,
                "content": {kind: {"schema": dict(schema)} for kind, schema in bodies.items()},
            },
        },
    )


WHATSAPP = _webhook(
    "whatsapp_webhook",
    "Replies, settings and statuses from the WhatsApp Cloud API",
    headers=[],
    bodies={
        "application/json": {
            "type": "object",
            "required": ["object", "entry"],
            "properties": {
                "object": {"const": "whatsapp_business_account"},
                "entry": {"type": "array", "items": {"type": "object"}},
            },
        }
    },
    answer=_answer("Committed.", "application/json", _TAKEN),
    security={"whatsapp": []},
    length="At most as many bytes as RECADO_WEB__LARGEST_BODY_BYTES says.",
)

TWILIO = _webhook(
    "twilio_webhook",
    "Replies and status callbacks from Twilio",
    headers=[
        _header(
            "X-Twilio-Webhooks-Signature-Settings",
            "Of a shared key: key=<its id>,algorithm=HMAC_SHA256",
        )
    ],
    bodies={
        "application/x-www-form-urlencoded": {
            "type": "object",
            "required": ["MessageSid", "AccountSid", "From", "To"],
            "properties": {
                name: {"type": "string", "minLength": 1}
                for name in ("MessageSid", "AccountSid", "From", "To")
            }
            | {
                name: {"type": "string"}
                for name in ("Body", "OptOutType", "MessageStatus", "ErrorCode")
            },
        },
        "application/json": {"type": "object"},
    },
    answer=_answer("Committed; we answer the person ourselves.", "text/xml", {"type": "string"}),
    security={"twilio": []},
)

INBOUND = _webhook(
    "inbound_webhook",
    "A reply from any other source, signed as Standard Webhooks are",
    headers=[
        _header("webhook-id", "Of this delivery.", required=True),
        _header("webhook-timestamp", "Seconds since 1970, within 5 minutes.", required=True),
    ],
    bodies={
        "application/json": {
            "type": "object",
            "required": ["id", "from", "to", "body", "received_at"],
            "properties": {
                "id": {"type": "string", "minLength": 1, "maxLength": 256},
                "from": {"type": "string", "minLength": 1, "maxLength": 256},
                "to": {"type": "string", "minLength": 1, "maxLength": 256},
                "body": {"type": "string"},
                "received_at": {"type": "string", "format": "date-time"},
                "channel": {"enum": ["sms", "whatsapp", None]},
            },
        }
    },
    answer=_answer("Committed.", "application/json", _TAKEN),
    security={"inbound": []},
)

CHALLENGE = Route(
    methods=["GET"],
    summary="WhatsApp asks whether the address is ours",
    operation_id="whatsapp_challenge",
    tags=["webhooks"],
    response_class=Response,
    responses=_answer("The challenge.", "text/plain", {"type": "string"})
    | _problems(401, 403, 500),
    openapi_extra={
        "parameters": [
            {
                "name": name,
                "in": "query",
                "required": True,
                "schema": {"type": "string", "minLength": 1, "maxLength": 256} | more,
            }
            for name, more in (
                ("hub.mode", {"enum": ["subscribe"]}),
                ("hub.verify_token", {}),
                ("hub.challenge", {}),
            )
        ]
    },
)

HEALTHZ = Route(
    methods=["GET"],
    summary="Whether the process lives",
    operation_id="healthz",
    tags=["operation"],
    response_class=Response,
    responses=_answer(
        "It does.",
        "application/json",
        {"type": "object", "properties": {"status": {"const": "alive"}}},
    )
    | _problems(500, 503),
)

READYZ = Route(
    methods=["GET"],
    summary="Whether webhooks can be stored, what is missing, and whether producers are to wait",
    operation_id="readyz",
    tags=["operation"],
    response_class=Response,
    responses=_answer(
        "They can. Degraded: without Redis, what follows from them comes later; or something is "
        "under pressure.",
        "application/json",
        READY_SCHEMA,
    )
    | _problems(500, 503),
)

METRICS = Route(
    methods=["GET"],
    summary="Figures for Prometheus",
    operation_id="metrics",
    tags=["operation"],
    response_class=Response,
    responses=_answer("Its text format.", "text/plain", {"type": "string"}) | _problems(500),
)

_SIGNATURES = {
    "whatsapp": ("X-Hub-Signature-256", "sha256= and the app secret's HMAC of the body, in hex."),
    "twilio": ("X-Twilio-Signature", "Over the public address and the form's fields, in base64."),
    "inbound": ("webhook-signature", "v1, and the secret's HMAC of id.timestamp.body, in base64."),
}


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of all routes; made once."""
    if app.openapi_schema is None:
        document = get_openapi(title=TITLE, version=VERSION, summary=SUMMARY, routes=app.routes)
        components = document.setdefault("components", {})
        components["schemas"] = {"Problem": dict(PROBLEM)}
        components["securitySchemes"] = {
            name: {"type": "apiKey", "in": "header", "name": header, "description": words}
            for name, (header, words) in _SIGNATURES.items()
        }
        for path in document["paths"].values():
            for operation in path.values():
                # The framework's own answer to what does not fit; ours are others.
                operation["responses"].pop("422", None)
        app.openapi_schema = document
    return app.openapi_schema
