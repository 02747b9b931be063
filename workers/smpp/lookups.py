"""What the receiver asks the database before it stores something."""

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy.engine import Engine

from pipeline.store import receipt_ids, repeats
from pipeline.store.receipt_ids import Named
from pipeline.store.repeats import Earlier
from workers.clock import BusinessClock
from workers.smpp.grouped import Grouped

Span = tuple[str, str]
"""Of replies' ids: the first, and the first beyond."""


class Lookups:
    """The look-ups of one account. Each kind has its one connection: no reply waits for receipts.

    Args:
        engine: with two connections at least.
    """

    def __init__(self, account: str, engine: Engine, clock: BusinessClock) -> None:
        self._account = account
        self._engine = engine
        self._clock = clock
        self._threads = [ThreadPoolExecutor(1, f"smpp-{name}") for name in ("receipts", "replies")]
        self.named: Grouped[tuple[str, bool], Named] = Grouped(self._find, self._threads[0])
        """By the id in a receipt, and whether it says that the part has arrived."""
        self.earlier: Grouped[Span, list[Earlier]] = Grouped(self._look_back, self._threads[1])

    def close(self) -> None:
        """Stop the threads; what is asked is answered first."""
        for threads in self._threads:
            threads.shutdown()

    def _find(self, keys: Collection[tuple[str, bool]]) -> dict[tuple[str, bool], Named]:
        ids = {provider_id for provider_id, _ in keys}
        arrived = {provider_id for provider_id, has_arrived in keys if has_arrived}
        with self._engine.begin() as connection:
            found = receipt_ids.find(
                connection, self._account, ids, arrived=arrived, now=self._clock.now()
            )
        return {key: found[key[0]] for key in keys if key[0] in found}

    def _look_back(self, spans: Collection[Span]) -> dict[Span, list[Earlier]]:
        with self._engine.begin() as connection:
            rows = repeats.earlier(connection, self._account, set(spans))
        return {
            (since, until): [row for row in rows if since <= row.provider_id < until]
            for since, until in spans
        }
