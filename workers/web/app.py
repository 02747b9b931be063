"""The web application: its routes, and what holds for every request."""

import time
from http import HTTPStatus

import structlog
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.store.engine import create_prompt_engine
from workers.runtime import Runtime
from workers.web.documents import TITLE, VERSION, openapi_document
from workers.web.health import Health
from workers.web.inbox import Inbox
from workers.web.metrics import WebMetrics
from workers.web.problems import install_problems, problem_response, whereabouts
from workers.web.webhooks import Webhooks

log = structlog.get_logger(__name__)

NO_TELEMETRY = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}
"""The framework's own would put errors' texts into spans; our figures are at ``/metrics``."""


def create_app(runtime: Runtime, *, inbox: Inbox, metrics: WebMetrics, public_url: str) -> FastAPI:
    """The application of one process.

    Args:
        inbox: started, and stopped after the server.
        public_url: how providers reach it, e.g. ``https://hooks.example.com``; Twilio signs it.
    """
    app = FastAPI(
        title=TITLE,
        version=VERSION,
        # Their pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=NO_TELEMETRY,  # type: ignore[arg-type]
    )
    install_problems(app)
    app.add_middleware(Outermost, metrics=metrics)
    webhooks = Webhooks(
        runtime.settings, runtime.clock, inbox=inbox, metrics=metrics, public_url=public_url
    )
    webhooks.add_routes(app)
    engine = create_prompt_engine(
        runtime.servers.database_url, pool_size=3, application="recado-web-looks"
    )
    health = Health(
        engine,
        runtime.redis,
        runtime.clock,
        inbox=inbox,
        metrics=metrics,
        most_undecided=runtime.settings.intake.undecided,
    )
    health.add_routes(app)
    app.openapi = lambda: openapi_document(app)  # type: ignore[method-assign]
    return app


class Outermost:
    """Counts and times every request, and answers for every mistake without showing it."""

    def __init__(self, app: ASGIApp, *, metrics: WebMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            log.error(  # noqa: TRY400 - an error's text may hold what a person wrote
                "request_failed",
                route=_route(scope),
                error=type(error).__name__,
                where=whereabouts(error),
            )
            if status:
                raise
            answer = problem_response(HTTPStatus.INTERNAL_SERVER_ERROR, "A mistake of ours.")
            await answer(scope, receive, watched)
        finally:
            self._metrics.count_request(_route(scope), status, time.perf_counter() - began)


def _route(scope: Scope) -> str:
    """The route's pattern: what a stranger asked for would make labels without end."""
    path: str = getattr(scope.get("route"), "path", "other")
    return path
