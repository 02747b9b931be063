"""What became of the people who left, from the store and the provider's log; and what is wrong.

The instants of the store are business time; they are compared with the provider's log by the one
shift that there is between the two clocks.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from benchmarks.lab import Lab
from benchmarks.repliers import Reply
from benchmarks.traffic import Request
from benchmarks.volley import Answer
from benchmarks.world import BUSINESS
from workers.clock import BusinessClock
from workers.reports.balance import Balance, balance_of

LATEST_SECONDS = 0.25
"""After force no request with a campaign's message may begin later than this."""

_PEOPLE = text(
    """
    SELECT i.provider_id, o.received_at, o.in_force_at, o.cancelled_at, o.cancelled,
           o.confirmation, o.confirmed_at,
           EXISTS (SELECT FROM suppressions s
                   WHERE s.contact_id = i.contact_id AND s.business IN (:business, '*')
                     AND s.lifted_at IS NULL) AS suppressed,
           EXISTS (SELECT FROM consent_events e
                   WHERE e.contact_id = i.contact_id AND e.kind = 'revoked') AS revoked
    FROM inbound_messages i LEFT JOIN opt_outs o ON o.inbound_id = i.id
    WHERE i.provider_id = ANY(CAST(:ids AS text[]))
    """
)
_OPEN = text(
    """
    SELECT EXISTS (SELECT FROM opt_outs
                   WHERE confirmation = 'due' OR cancelled_at IS NULL OR in_force_at IS NULL)
        OR EXISTS (SELECT FROM inbound_messages WHERE handled_at IS NULL AND intent = 'opt_out')
    """
)
_COUNTS = text(
    """
    SELECT CAST(state AS text) AS state, reason, count(*) AS messages FROM messages
    GROUP BY state, reason
    """
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Leaver:
    """One person who has left; instants in seconds since 1970, machine time.

    Attributes:
        received, in_force, cancelled, confirmed: as the opt-out's clock has them.
        stopped: messages that waited for the person and were ended.
        asked: when each request with a confirmation began that the provider took.
    """

    reply: Reply
    answer: Answer
    received: float | None = None
    in_force: float | None = None
    cancelled: float | None = None
    confirmed: float | None = None
    confirmation: str | None = None
    stopped: int = 0
    suppressed: bool = False
    revoked: bool = False
    asked: tuple[float, ...] = ()

    @property
    def forced(self) -> float:
        """When the opt-out was in force at the latest: by its clock, and by the answer."""
        return min(self.answer.answered, self.in_force or self.answer.answered)


def lane_has_work(lab: Lab) -> bool:
    """Whether an opt-out's clock still runs."""
    with lab.runtime.transaction() as connection:
        return bool(connection.execute(_OPEN).scalar())


def leavers(
    lab: Lab, replied: Sequence[Reply], answers: Sequence[Answer], requests: Sequence[Request]
) -> list[Leaver]:
    """Bring together what is known of each of them, in their order."""
    with lab.runtime.transaction() as connection:
        values = {"ids": [reply.id for reply in replied], "business": BUSINESS}
        rows = {row.provider_id: row for row in connection.execute(_PEOPLE, values)}
    to_them: dict[str, list[Request]] = {reply.person.number: [] for reply in replied}
    for request in requests:
        if request.to in to_them:
            to_them[request.to].append(request)
    clock = lab.runtime.clock
    found = []
    for reply, answer in zip(replied, answers, strict=True):
        row = rows.get(reply.id)
        known = {} if row is None else dict(row._mapping)
        found.append(_leaver(reply, answer, known, to_them[reply.person.number], clock))
    return found


def _leaver(
    reply: Reply,
    answer: Answer,
    known: Mapping[str, object],
    requests: Sequence[Request],
    clock: BusinessClock,
) -> Leaver:
    def instant(name: str) -> float | None:
        value = known.get(f"{name}_at")
        return _machine(clock, value) if isinstance(value, datetime) else None

    confirmation = known.get("confirmation")
    return Leaver(
        reply=reply,
        answer=answer,
        received=instant("received"),
        in_force=instant("in_force"),
        cancelled=instant("cancelled"),
        confirmed=instant("confirmed"),
        confirmation=None if confirmation is None else str(confirmation),
        stopped=int(str(known.get("cancelled") or 0)),
        suppressed=bool(known.get("suppressed")),
        revoked=bool(known.get("revoked")),
        asked=tuple(one.at for one in requests if one.is_answer and one.taken),
    )


def _machine(clock: BusinessClock, instant: datetime) -> float:
    if clock.start is None or clock.origin is None:
        return instant.timestamp()
    return clock.origin.timestamp() + (instant - clock.start).total_seconds() / clock.speed


def problems(people: Sequence[Leaver]) -> list[str]:
    """What is not as it was promised; nothing: all is well."""
    return [f"{count} of {len(people)} {what}" for what, count in _counts(people) if count]


def _counts(people: Sequence[Leaver]) -> Iterator[tuple[str, int]]:
    refused = [one for one in people if not one.answer.taken]
    statuses = sorted({one.answer.status or "none" for one in refused}, key=str)
    answers = ", ".join(map(str, statuses))
    yield f"replies were not answered with success (statuses: {answers})", len(refused)
    yield "people who left are not suppressed", sum(not one.suppressed for one in people)
    yield "opt-outs have no instant of force", sum(one.in_force is None for one in people)
    yield "opt-outs are not cancelled to the end", sum(one.cancelled is None for one in people)
    yield "opt-outs are not in the ledger", sum(not one.revoked for one in people)
    unconfirmed = [one for one in people if one.confirmation != "sent"]
    how = ", ".join(sorted({one.confirmation or "unknown" for one in unconfirmed}))
    yield f"opt-outs are not confirmed ({how})", len(unconfirmed)
    yield "people got no confirmation", sum(not one.asked for one in people)
    yield "people got more than one confirmation", sum(len(one.asked) > 1 for one in people)


def longest_after_force(people: Sequence[Leaver], requests: Sequence[Request]) -> float | None:
    """How long after force a request with a campaign's message began; seconds, the longest.

    Args:
        requests: everything that the provider was asked until the very end.

    Returns:
        None: none has begun after force.
    """
    forced = {one.reply.person.number: one.forced for one in people}
    return max(
        (
            one.at - forced[one.to]
            for one in requests
            if not one.is_answer and one.to in forced and one.at > forced[one.to]
        ),
        default=None,
    )


def balance(lab: Lab) -> Balance:
    """Where every message is."""
    with lab.runtime.transaction() as connection:
        rows = connection.execute(_COUNTS).all()
    return balance_of({(row.state, row.reason): row.messages for row in rows})


def balance_problems(found: Balance, requests: Sequence[Request], enqueued: int) -> Iterator[str]:
    """What is wrong with a balance of messages none of which is being sent.

    Args:
        enqueued: how many were given to the stream.
    """
    if found.accepted != enqueued:
        yield f"{enqueued} messages were enqueued, and {found.accepted} are stored"
    taken = [one.message_id for one in requests if one.taken and not one.is_answer]
    different = len(set(taken))
    if len(taken) != different:
        yield f"{len(taken) - different} messages were sent twice"
    if found.lines["sent"] != different:
        yield f"{different} messages were taken, and {found.lines['sent']} are stored as sent"
    for line in ("failed", "in_doubt"):
        if found.lines[line]:
            yield f"{found.lines[line]} messages are {line.replace('_', ' ')}"
