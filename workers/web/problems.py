"""Every answer that is an error is a problem document (RFC 9457), whoever makes it."""

import json
import traceback
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import Request

MEDIA_TYPE = "application/problem+json"

RETRY_AFTER_SECONDS = 5
"""When a provider may bring again what could not be stored."""


class Problem(Exception):  # noqa: N818 - the RFC's own name for it
    """A request that is answered with an error.

    Attributes:
        detail: one sentence for whoever reads the provider's error log. It repeats nothing of
            the request, which may hold a phone number.
        reason: one word that labels a metric.
        headers: of the answer.
    """

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        reason: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.reason = reason
        self.headers = dict(headers or {})


def unavailable(detail: str) -> Problem:
    """The answer that makes a provider bring an event again."""
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        detail,
        reason="unavailable",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


def problem_response(
    status: int, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any
) -> Response:
    """A problem document.

    Args:
        status: of HTTP; its phrase is the title, which is what the type ``about:blank`` means.
        members: further members of the document.
    """
    document = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    return Response(
        json.dumps(document | members).encode(),
        status_code=status,
        headers=dict(headers or {}),
        media_type=MEDIA_TYPE,
    )


def install_problems(app: FastAPI) -> None:
    """Have the application's errors, and the framework's own, answered with problem documents."""
    app.add_exception_handler(Problem, _answer_problem)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(RequestValidationError, _answer_bad_request)


async def _answer_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - it was installed for nothing else
    return problem_response(error.status, error.detail, headers=error.headers)


async def _answer_http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - it was installed for nothing else
    return problem_response(
        error.status_code, HTTPStatus(error.status_code).description, headers=error.headers
    )


async def _answer_bad_request(_: Request, __: Exception) -> Response:
    return problem_response(HTTPStatus.BAD_REQUEST, "The request is not as the document says.")


def whereabouts(error: BaseException) -> str:
    """Where an error was raised, e.g. ``receive.py:120``.

    For logs that must not hold its text: a database's error may quote what a person wrote.
    """
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown"
