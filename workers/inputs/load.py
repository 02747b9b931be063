"""Reference data on its way into the database: one transaction a batch, idempotent."""

from collections.abc import Sequence
from datetime import datetime

from pipeline.policy.suppression import stops_everything
from pipeline.store import consents, contacts, senders, suppressions
from pipeline.store.consents import ConsentEntry
from pipeline.store.senders import Sender, Template
from workers.inputs.consents_file import ConsentRow
from workers.inputs.suppressions_file import SuppressionRow
from workers.runtime import Runtime

BATCH = 1000
"""Rows in one transaction: enough to be fast, few enough that nobody waits for its locks."""


def consent_hash_key(runtime: Runtime) -> bytes | None:
    """The key under which CPFs are hashed: the operator's, else the embedded home's own."""
    if runtime.settings.hash_key is not None:
        return runtime.settings.hash_key.get_secret_value().encode()
    embedded = runtime.servers.embedded
    return None if embedded is None else embedded.secret("hash_key").encode()


def load_consents(runtime: Runtime, rows: Sequence[ConsentRow]) -> int:
    """Add consents to the ledger; a grant that is newer than an opt-out lifts it.

    Returns:
        How many rows told something new.
    """
    now = runtime.clock.now()
    with runtime.transaction() as connection:
        ids = contacts.identify(connection, [row.number for row in rows], now=now)
        entries = [
            ConsentEntry(contact_id=ids[row.number.e164], record=row.record, cpf_hash=row.cpf_hash)
            for row in rows
        ]
        changed = consents.record(connection, entries, now=now)
        granted = [
            (entry.contact_id, entry.record.business, entry.record.granted_at)
            for entry in entries
            if entry.record.granted_at is not None
            and entry.record.granted_at <= now
            and entry.record.revoked_at is None
        ]
        suppressions.lift_for_new_consents(connection, granted)
    return sum(changed)


def load_senders(runtime: Runtime, rows: Sequence[Sender]) -> int:
    """Store senders; say how many were new or changed."""
    with runtime.transaction() as connection:
        return len(senders.save_senders(connection, rows, now=runtime.clock.now()))


def load_templates(runtime: Runtime, rows: Sequence[Template]) -> int:
    """Store templates; say how many were new or changed."""
    with runtime.transaction() as connection:
        return len(senders.save_templates(connection, rows, now=runtime.clock.now()))


def load_suppressions(runtime: Runtime, rows: Sequence[SuppressionRow]) -> int:
    """Put people on the list; say how many entries changed."""
    now = runtime.clock.now()
    with runtime.transaction() as connection:
        ids = contacts.identify(connection, [row.number for row in rows], now=now)
        # Of two rows for one person and business the one that forbids more counts, then the
        # later one, which a consent would have to follow.
        entries: dict[tuple[int, str], tuple[int, str, str, datetime]] = {}
        for row in sorted(rows, key=lambda one: (stops_everything(one.reason), one.since)):
            contact = ids[row.number.e164]
            entries[contact, row.business] = (contact, row.business, row.reason, row.since)
        changed = suppressions.add(connection, list(entries.values()), source="import", now=now)
    return len(changed)
