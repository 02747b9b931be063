"""The queues as a test sees them."""

import base64
import json
from collections.abc import Iterator

import pytest
from celery import Celery
from redis import Redis

from pipeline.policy.vocabulary import Stage
from tests.integration.world import NOW
from workers.clock import BusinessClock
from workers.queues import QUEUES
from workers.runtime import Runtime
from workers.servers import Servers


class Belt:
    """What lies in the queues."""

    def __init__(self, client: "Redis") -> None:
        self.client = client

    def take(self, stage: Stage) -> list[list[int]]:
        """Take every chunk out of a stage's queue: ids, a list a chunk, oldest first."""
        chunks: list[list[int]] = []
        while (message := self.client.rpop(stage.value)) is not None:
            assert isinstance(message, bytes)
            arguments, _, _ = json.loads(base64.b64decode(json.loads(message)["body"]))
            chunks.append(arguments[0])
        return chunks

    def ids(self, stage: Stage) -> list[int]:
        return sorted(id_ for chunk in self.take(stage) for id_ in chunk)


@pytest.fixture
def belt(servers: Servers, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> Iterator[Belt]:
    """The queues of this test's Redis, empty, and our functions publish to them."""
    monkeypatch.setenv("RECADO_DATABASE_URL", servers.database_url)
    monkeypatch.setenv("RECADO_REDIS_URL", servers.redis_url)
    from workers import app as module  # noqa: PLC0415 - it reads the settings when it is imported

    application = Celery("recado-test", broker=servers.redis_url, set_as_current=False)
    application.conf.update(task_queues=QUEUES, task_create_missing_queues=False)
    monkeypatch.setattr(module, "app", application)
    yield Belt(runtime.redis)
    application.close()


@pytest.fixture
def still(runtime: Runtime) -> Runtime:
    """A process whose business clock stands still at the world's instant."""
    runtime.clock = BusinessClock(start=NOW, speed=0.0, origin=NOW)
    return runtime
