"""Reference data on its way into the database: one transaction a batch, idempotent."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pipeline.policy.sender import SenderState
from pipeline.policy.suppression import stops_everything
from pipeline.stages.suspensions import Cause, suspend
from pipeline.store import block_lists, consents, contacts, preferences, senders, suppressions
from pipeline.store.consents import ConsentEntry
from pipeline.store.senders import Sender, Template
from workers.inputs.consents_file import ConsentRow
from workers.inputs.preferences_file import PreferenceRow
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


@dataclass(slots=True)
class SenderLoader:
    """Stores senders. A file may suspend a sender; it never lifts a suspension, which has a cause.

    Attributes:
        by: who loads them.
        remarks: a line for each sender that stays suspended though the file has it active.
    """

    by: str
    remarks: list[str]

    def load(self, runtime: Runtime, rows: Sequence[Sender]) -> int:
        """Store them; say how many were new or changed."""
        now = runtime.clock.now()
        wanted = {row.code: row.state for row in rows}
        with runtime.transaction() as connection:
            # A new one too is suspended by its own event, which has the reason.
            active = [replace(row, state=SenderState.ACTIVE) for row in rows]
            changed = senders.save_senders(connection, active, now=now)
            stored = senders.select_senders(connection, codes=wanted)
            stopped = suspend(
                connection,
                [one for one in stored if wanted[one.code] is SenderState.SUSPENDED],
                cause=Cause.IMPORT,
                actor=self.by,
                reason="its file has it suspended",
                now=now,
            )
        self.remarks += [
            _stays_suspended(one)
            for one in stored
            if one.state is SenderState.SUSPENDED and wanted[one.code] is SenderState.ACTIVE
        ]
        return len(changed | {one.code for one in stopped})


def _stays_suspended(sender: Sender) -> str:
    why = f" ({sender.state_reason})" if sender.state_reason else ""
    return (
        f"{sender.code} stays suspended{why}; once its cause is mended: "
        f"recado senders lift {sender.code} --reason …"
    )


def load_templates(runtime: Runtime, rows: Sequence[Template]) -> int:
    """Store templates; say how many were new or changed."""
    with runtime.transaction() as connection:
        return len(senders.save_templates(connection, rows, now=runtime.clock.now()))


def load_suppressions(runtime: Runtime, rows: Sequence[SuppressionRow]) -> int:
    """Put people on the list, or on the public list that a row names; say how many rows changed."""
    now = runtime.clock.now()
    with runtime.transaction() as connection:
        ids = contacts.identify(connection, [row.number for row in rows], now=now)
        # Of two rows for one person and business the one that forbids more counts, then the
        # later one, which a consent would have to follow.
        entries: dict[tuple[int, str], tuple[int, str, str, datetime]] = {}
        listed: dict[tuple[int, str], datetime] = {}
        for row in sorted(rows, key=lambda one: (stops_everything(one.reason), one.since)):
            contact = ids[row.number.e164]
            if row.on_block_list:
                listed.setdefault((contact, row.reason), row.since)  # the earliest, by the order
            else:
                entries[contact, row.business] = (contact, row.business, row.reason, row.since)
        changed = suppressions.add(connection, list(entries.values()), source="import", now=now)
        return len(changed) + block_lists.add(connection, listed, now=now)


def load_preferences(runtime: Runtime, rows: Sequence[PreferenceRow]) -> int:
    """Store what people prefer; say how many wishes changed. Of two rows the later one counts."""
    now = runtime.clock.now()
    with runtime.transaction() as connection:
        ids = contacts.identify(connection, [row.number for row in rows], now=now)
        wishes = {(ids[row.number.e164], row.business): row.preference for row in rows}
        return len(preferences.keep(connection, wishes, now=now))
