"""What PostgreSQL and the provider's log say after a campaign, read once."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Connection, Row

from benchmarks.faults.scene import Scene
from benchmarks.traffic import Request
from pipeline.producer import STREAM
from workers.intake import DEAD_STREAM

MOVING = ("accepted", "consented", "ready", "sending")
"""States with work left; a deferred message has some only when its time has come."""

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

HANDED = ("sent", "delivered", "undelivered")

_MESSAGES = text(
    """
    SELECT m.id, m.contact_id, CAST(m.state AS text) AS state, m.timezone, t.phone,
           t.country, t.state AS subdivision, t.zones
    FROM messages m LEFT JOIN contacts t ON t.id = m.contact_id
    WHERE m.campaign_id <> ALL(CAST(:earlier AS bigint[]))
    """
)
_CAMPAIGNS = text("SELECT id FROM campaigns")
_DOUBTS = text(
    """
    SELECT DISTINCT d.message_id, d.stage
    FROM decisions d JOIN messages m ON m.id = d.message_id
    WHERE d.outcome = 'in_doubt' AND m.campaign_id <> ALL(CAST(:earlier AS bigint[]))
    """
)
_OPT_OUTS = text(
    """
    SELECT t.phone, min(o.in_force_at) AS in_force_at
    FROM opt_outs o JOIN contacts t ON t.id = o.contact_id
    WHERE o.in_force_at IS NOT NULL GROUP BY t.phone
    """
)
_MOVING = text(
    """
    SELECT EXISTS (SELECT FROM messages WHERE state IN ('accepted', 'consented', 'sending'))
        OR EXISTS (SELECT FROM messages m JOIN campaigns c ON c.id = m.campaign_id
                   JOIN senders s ON s.id = m.sender_id
                   WHERE m.state = 'ready' AND c.state = 'active' AND s.state = 'active')
        OR EXISTS (SELECT FROM messages WHERE state = 'deferred' AND not_before <= :now)
    """
)
_STATES = text("SELECT CAST(state AS text), count(*) FROM messages GROUP BY 1 ORDER BY 1")
_LANE = text(
    """
    SELECT EXISTS (SELECT FROM inbound_messages WHERE handled_at IS NULL)
        OR EXISTS (SELECT FROM notices WHERE state IN ('pending', 'sending'))
    """
)
_LEASES = text(
    """
    SELECT (SELECT count(*) FROM messages WHERE lease_until IS NOT NULL)
         + (SELECT count(*) FROM inbound_messages
            WHERE handled_at IS NULL AND lease_until IS NOT NULL)
         + (SELECT count(*) FROM notices
            WHERE state IN ('pending', 'sending') AND lease_until IS NOT NULL)
    """
)
_ORIGIN = text("SELECT start, speed, origin FROM clock_origins")


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageRow:
    """A message as the database has it; `zones` as the window stage took them."""

    id: int
    state: str
    phone: str | None
    country: str
    subdivision: str | None
    zones: tuple[str, ...]
    contact_id: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """See the module.

    Attributes:
        messages: by id.
        requests: the campaigns' requests that the provider had, in order, with their id.
        notices: how often it took each answer of the opt-out lane.
        doubts: who found a message in doubt, by its id: ``delivery``, or ``dispatch`` by its lease.
        opt_outs: number → machine seconds at which the person's first opt-out was in force.
        leases: rows that somebody still holds.
        dead_letters: entries of the stream that were set aside.
        business: machine seconds → business instant.
    """

    messages: Mapping[int, MessageRow]
    requests: Sequence[Request]
    notices: Mapping[int, int]
    doubts: Mapping[int, str]
    opt_outs: Mapping[str, float]
    leases: int
    dead_letters: int
    business: Callable[[float], datetime]

    @property
    def states(self) -> Mapping[str, int]:
        """State → messages."""
        return Counter(message.state for message in self.messages.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """What a scene had behind it before a run.

    Attributes:
        campaigns: their ids. (Those of messages do not tell what came first.)
        requests: lines of the provider's log.
        dead_letters: as in `Evidence`.
    """

    campaigns: Sequence[int] = ()
    requests: int = 0
    dead_letters: int = 0


def set_mark(scene: Scene) -> Mark:
    """From here on counts what a run brings; to be called while nothing moves."""
    with scene.runtime.transaction() as connection:
        campaigns = list(connection.execute(_CAMPAIGNS).scalars())
    return Mark(
        campaigns=campaigns,
        requests=len(scene.log.complete()),
        dead_letters=scene.runtime.redis.xlen(DEAD_STREAM),
    )


def progress(scene: Scene) -> object:
    """Something that differs whenever anything has moved on."""
    with scene.runtime.transaction() as connection:
        states = tuple(map(tuple, connection.execute(_STATES)))
    return states, len(scene.log.read()), scene.runtime.redis.xlen(STREAM)


def settled(scene: Scene, *, but_what_is_due: bool = False) -> bool:
    """Whether nothing has work left: no entry, no message, no reply, no notice.

    Args:
        but_what_is_due: what waits for its time may wait longer, though that has come.
    """
    if scene.runtime.redis.xlen(STREAM):
        return False
    now = LONG_AGO if but_what_is_due else scene.runtime.clock.now()
    with scene.runtime.transaction() as connection:
        moving = connection.execute(_MOVING, {"now": now}).scalar()
        return not moving and not connection.execute(_LANE).scalar()


def read_evidence(scene: Scene, since: Mark) -> Evidence:
    """Look once at everything that has come since a mark."""
    after = {"earlier": list(since.campaigns)}
    with scene.runtime.transaction() as connection:
        to_business, to_machine = _clocks(connection)
        messages = {row.id: row for row in map(_message, connection.execute(_MESSAGES, after))}
        doubts = {row.message_id: row.stage for row in connection.execute(_DOUBTS, after)}
        opt_outs = {row.phone: to_machine(row.in_force_at) for row in connection.execute(_OPT_OUTS)}
        leases = connection.execute(_LEASES).scalar_one()
    everything = scene.log.complete()[since.requests :]
    return Evidence(
        messages=messages,
        requests=[one for one in everything if one.message_id in messages],
        notices=Counter(one.message_id for one in everything if one.taken and one.is_answer),
        doubts=doubts,
        opt_outs=opt_outs,
        leases=leases,
        # Redis may have lost, with all the rest, what was set aside before.
        dead_letters=max(0, scene.runtime.redis.xlen(DEAD_STREAM) - since.dead_letters),
        business=to_business,
    )


def _message(row: Row[Any]) -> MessageRow:
    return MessageRow(
        id=row.id,
        state=row.state,
        phone=row.phone,
        country=row.country or "",
        subdivision=row.subdivision,
        zones=(row.timezone,) if row.timezone else tuple(row.zones or ()),
        contact_id=row.contact_id or 0,
    )


def _clocks(
    connection: Connection,
) -> tuple[Callable[[float], datetime], Callable[[datetime], float]]:
    """From machine seconds to the business instant, and back, by the clock's definition."""
    clock = connection.execute(_ORIGIN).one()

    def to_business(at: float) -> datetime:
        found: datetime = (
            clock.start + (datetime.fromtimestamp(at, UTC) - clock.origin) * clock.speed
        )
        return found

    def to_machine(instant: datetime) -> float:
        found: datetime = clock.origin + (instant - clock.start) / clock.speed
        return found.timestamp()

    return to_business, to_machine
