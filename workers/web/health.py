"""Whether the process lives, whether it can work, and what it counts."""

import asyncio
import json
from dataclasses import dataclass
from http import HTTPStatus

from fastapi import FastAPI, Response
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from redis import Redis
from sqlalchemy.engine import Engine

from pipeline.limits.belt import Belt, read_belt
from pipeline.policy.pressure import retry_after_seconds, strains
from pipeline.producer import STREAM
from pipeline.store import schema
from pipeline.store.load import StoreLoad, read_load
from workers.clock import BusinessClock
from workers.pressure_watch import load_of
from workers.web.documents import HEALTHZ, METRICS, READYZ
from workers.web.figures import ServerFigures, StoreFigures, read_queues, read_store
from workers.web.inbox import Inbox
from workers.web.look import Look
from workers.web.metrics import WebMetrics
from workers.web.problems import problem_response

AWAY_SECONDS = 5
"""When a producer may ask again while Redis, which takes what it has, does not answer."""

PATIENCE_SECONDS = 2.5
READY_SECONDS = 1.0
FIGURES_SECONDS = 5.0
"""How long a look at a server is good enough; scrapes of many monitors then cost one."""


@dataclass(frozen=True, slots=True)
class SchemaState:
    """The revision that the database is at, and the one that is needed."""

    found: str | None
    needed: str


class Health:
    """The looks at the servers, and the routes that answer with them."""

    def __init__(
        self,
        engine: Engine,
        client: "Redis",
        clock: BusinessClock,
        *,
        inbox: Inbox,
        metrics: WebMetrics,
        most_undecided: int,
    ) -> None:
        self._inbox = inbox
        self._most_undecided = most_undecided
        self._registry = metrics.registry
        self._figures = ServerFigures()
        metrics.registry.register(self._figures)
        needed = schema.newest_revision()

        def read_schema() -> SchemaState:
            with engine.begin() as connection:
                return SchemaState(schema.current_revision(connection), needed)

        self._schema = Look(
            "look-schema",
            read_schema,
            fresh_seconds=READY_SECONDS,
            patience_seconds=PATIENCE_SECONDS,
        )
        self._store: Look[StoreFigures] = Look(
            "look-store",
            lambda: read_store(engine, clock),
            fresh_seconds=FIGURES_SECONDS,
            patience_seconds=PATIENCE_SECONDS,
        )
        self._queues = Look(
            "look-queues",
            lambda: read_queues(client),
            fresh_seconds=READY_SECONDS,
            patience_seconds=PATIENCE_SECONDS,
        )

        self._belt: Look[Belt] = Look(
            "look-belt",
            lambda: read_belt(client, STREAM),
            fresh_seconds=READY_SECONDS,
            patience_seconds=PATIENCE_SECONDS,
        )

        def read_store_load() -> StoreLoad:
            with engine.begin() as connection:
                return read_load(connection, most_undecided=most_undecided)

        self._load: Look[StoreLoad] = Look(
            "look-load",
            read_store_load,
            fresh_seconds=READY_SECONDS,
            patience_seconds=PATIENCE_SECONDS,
        )

    def add_routes(self, app: FastAPI) -> None:
        """``/healthz``, ``/readyz`` and ``/metrics``."""
        app.add_api_route("/healthz", self.alive, **HEALTHZ)
        app.add_api_route("/readyz", self.ready, **READYZ)
        app.add_api_route("/metrics", self.metrics, **METRICS)

    async def alive(self) -> Response:
        """Whether every thread runs that must; if not, only a restart helps."""
        if self._inbox.alive:
            return _json({"status": "alive"})
        return problem_response(HTTPStatus.SERVICE_UNAVAILABLE, "A thread has ended.")

    async def ready(self) -> Response:
        """Whether webhooks can be stored, and whether producers are to wait.

        Without Redis webhooks can be stored: the rest follows later. They are taken under any
        pressure.
        """
        schema_state, queues, belt, load = await asyncio.gather(
            self._schema.now(), self._queues.now(), self._belt.now(), self._load.now()
        )
        missing = []
        if schema_state is None:
            missing.append("database")
        elif schema_state.found != schema_state.needed:
            missing.append("schema")
        unready = bool(missing)
        if queues is None:
            missing.append("redis")
        if unready:
            return problem_response(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "Webhooks cannot be stored.",
                missing=missing,
            )
        found = strains(load_of(belt, load, most_undecided=self._most_undecided))
        return _json(
            {
                "status": "degraded" if missing or found else "ready",
                "missing": missing,
                "pressure": [
                    {
                        "of": one.pressure.value,
                        "share": round(one.share, 3),
                        "producers_wait": one.producers_wait,
                    }
                    for one in found
                ],
                "retry_after_seconds": AWAY_SECONDS if belt is None else retry_after_seconds(found),
            }
        )

    async def metrics(self) -> Response:
        """Every figure, as Prometheus reads it."""
        figures = self._figures
        figures.store, figures.queues, figures.belt, figures.load = await asyncio.gather(
            self._store.now(), self._queues.now(), self._belt.now(), self._load.now()
        )
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)


def _json(document: dict[str, object]) -> Response:
    return Response(json.dumps(document).encode(), media_type="application/json")
