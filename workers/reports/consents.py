"""What can be told of the consents as a whole: whether their ledger is sound, which are due."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from pipeline.policy.consent import ConsentRecord, expiry_of
from pipeline.policy.vocabulary import Category
from pipeline.store import consents_due, ledger_states
from pipeline.store.consents_due import GivenConsent
from pipeline.store.ledger_links import MOST_BREAKS, LedgerBreak, Links, read_links
from pipeline.store.ledger_states import States
from workers.runtime import Runtime

_LONGEST_MONTH = timedelta(days=31)
_SHORTEST_MONTH = timedelta(days=28)


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerReport:
    """The ledger of consents, read from end to end."""

    links: Links
    states: States
    breaks: Sequence[LedgerBreak]

    @property
    def sound(self) -> bool:
        """Whether everything fits."""
        return not self.breaks

    def as_json(self) -> dict[str, Any]:
        """The public form; hashes in hexadecimal."""
        links, states = self.links, self.states
        return {
            "sound": self.sound,
            "events": links.events,
            "contacts": states.contacts,
            "first_at": links.first_at,
            "last_at": links.last_at,
            "head": links.head.hex(),
            "expected_at": links.expected_at,
            "uncompared": states.uncompared,
            "breaks": [
                {"kind": one.kind, "event": one.event_id, "problem": one.problem}
                for one in self.breaks
            ],
        }


def read_ledger(runtime: Runtime, *, expected: bytes | None) -> LedgerReport:
    """Recompute every event, every link and every state, all as of one instant.

    Nobody waits for it: it only reads, in a snapshot.

    Args:
        expected: a hash that must be that of an event; None: none.
    """
    snapshot = runtime.engine.connect().execution_options(
        isolation_level="REPEATABLE READ", postgresql_readonly=True
    )
    with snapshot as connection, connection.begin():
        # A ledger of millions takes longer than any other statement may.
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        links = read_links(connection, expected=expected)
        states = ledger_states.compare_states(connection)
        missing = ledger_states.find_missing_consents(connection)
        breaks = [*links.breaks, *states.breaks, *missing]
    return LedgerReport(links=links, states=states, breaks=breaks[:MOST_BREAKS])


@dataclass(frozen=True, kw_only=True, slots=True)
class DueConsent:
    """A consent that its country's rules will not accept after an instant."""

    given: GivenConsent
    country: str
    rule: str
    expires_at: datetime


def read_due(runtime: Runtime, *, within: timedelta, now: datetime) -> list[DueConsent]:
    """The consents that grow too old from now until `within` has passed, the first ones first."""
    found = [
        one
        for country in sorted({one for pack in runtime.policies.packs() for one in pack.countries})
        for one in _due_in(runtime, country, within, now)
    ]
    return sorted(found, key=lambda one: one.expires_at)


def _due_in(
    runtime: Runtime, country: str, within: timedelta, now: datetime
) -> Iterator[DueConsent]:
    policy = runtime.books.policy(country, now)
    for category in Category:
        rule = None if policy is None else policy.consents.get(category)
        if rule is None or rule.max_age_months is None or rule.max_age_rule is None:
            continue
        months = rule.max_age_months
        with runtime.transaction() as connection:
            given = consents_due.given_between(
                connection,
                country=country,
                category=category.value,
                since=now - months * _LONGEST_MONTH,
                until=min(now, now + within - months * _SHORTEST_MONTH),
            )
        for one in given:
            record = ConsentRecord(
                business=one.business,
                category=category,
                granted_at=one.granted_at,
                renewed_at=one.renewed_at,
            )
            expires_at = expiry_of(record, months, now=now)
            if expires_at is not None and now <= expires_at <= now + within:
                yield DueConsent(
                    given=one, country=country, rule=rule.max_age_rule, expires_at=expires_at
                )
