"""Accounts that rest because their provider fails or is full: one list for all workers.

A row says that nobody claims through the account: until `rests_until`, and afterwards until whoever
holds the probe has found it well and deleted the row. Instants are machine time, but for `since`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class Rest:
    """One account that rests.

    Attributes:
        account: its name in the settings, in lower case.
        reason: ``failing`` or ``rate``.
        rests_until: machine instant from which on it may be tried.
        probe_until: machine instant until which one worker tries it; None: nobody does.
        failures: rests in a row.
        since: business instant at which the first of them began.
        detail: what was seen, without phone numbers.
    """

    account: str
    reason: str
    rests_until: datetime
    probe_until: datetime | None
    failures: int
    since: datetime
    detail: str


_READ = text("SELECT * FROM account_rests ORDER BY account")


def read(connection: Connection) -> dict[str, Rest]:
    """Every account that rests; mostly there is none."""
    return {row["account"]: Rest(**row) for row in connection.execute(_READ).mappings()}


_BEGIN = text(
    """
    INSERT INTO account_rests (account, reason, rests_until, failures, since, detail)
    VALUES (:account, :reason, :until, 1, :now, :detail)
    ON CONFLICT (account) DO NOTHING
    RETURNING account
    """
)


def begin(
    connection: Connection,
    account: str,
    *,
    reason: str,
    until: datetime,
    detail: str,
    now: datetime,
) -> bool:
    """Let an account rest; False: it rests already, and that rest stays as it is.

    Args:
        until: machine instant.
        now: business instant.
    """
    values = {"account": account, "reason": reason, "until": until, "detail": detail, "now": now}
    return connection.execute(_BEGIN, values).one_or_none() is not None


_PROBE = text(
    """
    UPDATE account_rests SET probe_until = :until
    WHERE account = ANY(CAST(:accounts AS text[])) AND rests_until <= :machine_now
      AND (probe_until IS NULL OR probe_until <= :machine_now)
    RETURNING account
    """
)


def take_probes(
    connection: Connection,
    accounts: Collection[str],
    *,
    machine_now: datetime,
    until: datetime,
) -> set[str]:
    """Those of these accounts that the caller, and nobody else until `until`, may try now."""
    if not accounts:
        return set()
    values = {"accounts": sorted(accounts), "machine_now": machine_now, "until": until}
    return set(connection.execute(_PROBE, values).scalars())


_LENGTHEN = text(
    """
    UPDATE account_rests
    SET failures = failures + 1, probe_until = NULL, detail = :detail, reason = :reason,
        rests_until = :until
    WHERE account = :account AND probe_until = :probe
    RETURNING failures
    """
)


def lengthen(
    connection: Connection,
    account: str,
    *,
    probe: datetime,
    reason: str,
    until: datetime,
    detail: str,
) -> bool:
    """The probe has failed: another rest. False: the probe was no longer the caller's.

    Args:
        probe: until when the caller held it; it names the caller's probe.
    """
    values = {
        "account": account,
        "probe": probe,
        "reason": reason,
        "until": until,
        "detail": detail,
    }
    return connection.execute(_LENGTHEN, values).one_or_none() is not None


_END = text("DELETE FROM account_rests WHERE account = :account AND probe_until IS NOT NULL")


def end(connection: Connection, account: str) -> bool:
    """A probe was answered: the account is well, whoever holds the probe by now."""
    return connection.execute(_END, {"account": account}).rowcount > 0


_FORGET = text(
    """
    DELETE FROM account_rests
    WHERE rests_until < :before AND (probe_until IS NULL OR probe_until < :before)
    RETURNING account
    """
)


def forget(connection: Connection, *, before: datetime) -> list[str]:
    """Drop rests that were over before that machine instant and that nobody has tried since.

    Nothing waits for such an account; whoever sends through it next will see how it is.
    """
    return sorted(connection.execute(_FORGET, {"before": before}).scalars())
