"""People who have written: replies and opt-outs as the webhook and the lane leave them."""

import itertools
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert

from pipeline.store.inbound_tables import inbound_messages
from pipeline.store.tables import metadata
from tests.integration.world import BUSINESS, World

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Leavers:
    """Puts replies and opt-outs into the database of a test."""

    world: World
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def reply(self, contact: int | None, at: datetime, **columns: Any) -> int:
        """A reply that nobody has handled; by default an opt-out by a word."""
        values = {
            "source": "sandbox",
            "provider_id": f"SM{next(self._numbers)}",
            "contact_id": contact,
            "businesses": [BUSINESS],
            "channel": "sms",
            "address": "us",
            "body": "STOP",
            "language": "en-US",
            "occurred_at": at,
            "received_at": at,
            "intent": "opt_out",
            "scope": "all",
            "match": "keyword",
            "matched": "stop (en)",
        } | columns
        with self.world.runtime.transaction() as connection:
            added = connection.execute(
                insert(inbound_messages).returning(inbound_messages.c.id), values
            )
            return int(added.scalar_one())

    def opt_out(
        self,
        contact: int,
        at: datetime,
        *,
        force: timedelta | None = SECOND / 10,
        confirmed: timedelta | None = 2 * SECOND,
        **columns: Any,
    ) -> int:
        """An opt-out that the lane has dealt with, unless its times say otherwise."""
        businesses = columns.get("businesses", [BUSINESS])
        inbound_id = self.reply(
            contact, at, handled_at=at, businesses=businesses, scope=columns.pop("scope", "all")
        )
        values = {
            "inbound_id": inbound_id,
            "contact_id": contact,
            "businesses": businesses,
            "country": "US",
            "origin": "reply",
            "repeated": False,
            "received_at": at,
            "deadline_at": at + HOUR,
            "in_force_at": None if force is None else at + force,
            "cancelled_at": None if force is None else at + force + SECOND,
            "confirmation": "due" if confirmed is None else "sent",
            "confirmed_at": None if confirmed is None else at + confirmed,
            "rule": "us_optout_sla",
            "policy": "US-1",
        } | columns
        self._insert("opt_outs", values)
        return inbound_id

    def held(self, contact: int | None, at: datetime, **columns: Any) -> int:
        """A reply that waits for a person's decision, with what it holds."""
        review = {"intent": "review", "scope": None, "match": "sentence", "handled_at": at}
        inbound_id = self.reply(contact, at, **(review | columns))
        if contact is not None:
            for business in columns.get("businesses", [BUSINESS]):
                self._insert(
                    "review_holds",
                    {
                        "contact_id": contact,
                        "business": business,
                        "inbound_id": inbound_id,
                        "since": at,
                    },
                )
        return inbound_id

    def _insert(self, table: str, values: dict[str, Any]) -> None:
        with self.world.runtime.transaction() as connection:
            connection.execute(insert(metadata.tables[table]), values)
