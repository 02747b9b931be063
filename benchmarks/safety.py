"""The cost of crash safety: claims and records by themselves, with no request between them.

What makes a crash harmless is that a message is claimed in a committed transaction before its
request, and recorded in another after it. Both run here as the courier runs them, in batches of
its size, from one thread of a laboratory where nothing else moves.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text

from benchmarks.delivery import Site, site
from benchmarks.lab import cpu_by_process
from pipeline.providers.base import Accepted
from pipeline.stages import answers, delivery
from pipeline.stages.delivery import CLAIM_LIFE, Claimed, Directory
from pipeline.store import campaigns, claims, senders
from pipeline.store.claims import Parcel
from workers.clock import machine_now

BATCH = 64
"""Messages in a claim and in a record: about what a courier with much to do takes at once."""

LEASE = timedelta(minutes=10)

_FIRST = 8

_READY = text("SELECT id FROM messages WHERE state = 'ready' ORDER BY id")


@dataclass(frozen=True, kw_only=True, slots=True)
class Safety:
    """CPU that claims and records took.

    Attributes:
        client_seconds: in our process.
        server_seconds: in PostgreSQL.
    """

    messages: int
    client_seconds: float
    server_seconds: float

    @property
    def cpu_microseconds(self) -> float:
        """Both sides together, for one message."""
        return (self.client_seconds + self.server_seconds) / self.messages * 1e6


def measure(messages: int) -> Safety:
    """Claim and record so many ready messages."""
    with site(messages, processes=0) as here:
        batches, directory = _load(here)
        # Statements are prepared, and rules are read.
        _record(here, _claim(here, batches[:_FIRST], directory))
        server, client = cpu_by_process(here.lab)["postgres"], time.thread_time()
        claimed = _claim(here, batches[_FIRST:], directory)
        _record(here, claimed)
        return Safety(
            messages=sum(map(len, claimed)),
            client_seconds=time.thread_time() - client,
            server_seconds=cpu_by_process(here.lab)["postgres"] - server,
        )


def _load(here: Site) -> tuple[list[list[Parcel]], Directory]:
    with here.lab.runtime.transaction() as connection:
        ids = list(connection.execute(_READY).scalars())
        parcels = claims.load(connection, ids)
        directory = Directory(
            campaigns.by_ids(connection, {parcel.campaign_id for parcel in parcels}),
            {sender.id: sender for sender in senders.select_senders(connection)},
        )
    return [parcels[at : at + BATCH] for at in range(0, len(parcels), BATCH)], directory


def _claim(
    here: Site, batches: Sequence[Sequence[Parcel]], directory: Directory
) -> list[list[Claimed]]:
    runtime = here.lab.runtime
    claimed = []
    for parcels in batches:
        now = runtime.clock.now()
        with runtime.transaction() as connection:
            found = delivery.claim(
                connection,
                parcels,
                directory=directory,
                books=runtime.books,
                now=now,
                safe_until=now + runtime.clock.span(CLAIM_LIFE),
                lease=machine_now() + LEASE,
            )
        claimed.append(found)
    return claimed


def _record(here: Site, batches: Sequence[Sequence[Claimed]]) -> None:
    runtime = here.lab.runtime
    for batch in batches:
        now = runtime.clock.now()
        ends = [
            answers.read(claimed, Accepted(f"SM{claimed.parcel.id:032x}"), sent_at=now)
            for claimed in batch
        ]
        with runtime.transaction() as connection:
            answers.record(
                connection, ends, books=runtime.books, now=now, machine_now=machine_now()
            )
