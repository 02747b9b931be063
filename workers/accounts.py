"""Which provider accounts this process may send through, and what it tells the others of them.

A process that finds an account failing stops at once, and tells the others through the store with
the answers that it records next. After a rest one process, whoever gets the probe, tries it with a
few messages; the first definite word ends the rest, or begins a longer one.
"""

import random
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

import structlog
from sqlalchemy.engine import Connection

from pipeline.policy.breaker import PROBE_LIFE, BreakerPolicy, Sign, Tally
from pipeline.providers.base import Ambiguous, Rejected, SendResult
from pipeline.providers.health import read_sign
from pipeline.store import account_rests
from pipeline.store.account_rests import Rest

log = structlog.get_logger(__name__)

BREAKER = BreakerPolicy()

LOOK_SECONDS = 0.2
"""How soon a process hears what another has found."""


class _Kind(StrEnum):
    BEGIN = "begin"
    LENGTHEN = "lengthen"
    END = "end"


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What this process has found, and has yet to tell."""

    account: str
    kind: _Kind
    reason: str = ""
    detail: str = ""
    retry_after: float | None = None
    probe: datetime | None = None
    rests: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """What the store says.

    Attributes:
        rests: by account.
        won: accounts whose probe this process has got just now.
        generation: what this process had found when it looked.
    """

    rests: Mapping[str, Rest]
    won: Collection[str]
    generation: int


@dataclass(slots=True)
class _Probe:
    """`began`: monotonic seconds; `left`: messages that may still be claimed."""

    until: datetime
    rests: int
    began: float
    left: int


@dataclass(slots=True)
class AccountWatch:
    """See the module. Any thread may use it; none keeps another waiting for the store."""

    policy: BreakerPolicy = BREAKER
    probe_life: timedelta = PROBE_LIFE
    chance: Callable[[], float] = random.random
    _tallies: dict[str, Tally] = field(default_factory=dict)
    _rests: dict[str, Rest] = field(default_factory=dict)
    _held: set[str] = field(default_factory=set)
    _probes: dict[str, _Probe] = field(default_factory=dict)
    _well_since: dict[str, float] = field(default_factory=dict)
    _changes: list[Change] = field(default_factory=list)
    _generation: int = 0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def limits(self) -> dict[str, int]:
        """How many messages may be claimed through each account that has a limit; 0: none."""
        if not (self._rests or self._held):
            return {}
        with self._lock:
            limits = dict.fromkeys([*self._rests, *self._held], 0)
            return limits | {account: max(0, one.left) for account, one in self._probes.items()}

    @property
    def closed(self) -> set[str]:
        """The accounts through which nothing leaves from here."""
        with self._lock:
            return {*self._rests, *self._held} - self._probes.keys()

    def may_start(self, account: str) -> bool:
        """Whether a request that was claimed a moment ago may still begin."""
        return not (self._rests or self._held) or account not in self.closed

    def claimed(self, account: str, messages: int) -> None:
        """So many were claimed; a negative number: so many came back unsent."""
        with self._lock:
            if (probe := self._probes.get(account)) is not None:
                probe.left -= messages

    def note(self, account: str, result: SendResult, *, began: float, moment: float) -> None:
        """Judge an account by an answer.

        Args:
            began, moment: when the request began and ended (monotonic seconds).
        """
        sign = read_sign(result)
        with self._lock:
            probe = self._probes.get(account)
            if probe is not None and began >= probe.began:
                self._judge(account, probe, sign, result, moment)
            else:
                self._count(account, sign, result, began, moment)

    def _count(
        self, account: str, sign: Sign, result: SendResult, began: float, moment: float
    ) -> None:
        # What was on the wire before tells of the trouble that is known.
        known = account in self._held or account in self._rests
        if known or began < self._well_since.get(account, 0.0):
            return
        tally = self._tallies.setdefault(account, Tally(self.policy))
        if tally.add(sign, moment):
            self._held.add(account)
            self._change(_finding(account, _Kind.BEGIN, sign, result))

    def _judge(
        self, account: str, probe: _Probe, sign: Sign, result: SendResult, moment: float
    ) -> None:
        disconnected = sign is Sign.UNREADY and moment - probe.began >= self.policy.window
        if sign is Sign.ANSWERED:
            self._change(Change(account=account, kind=_Kind.END))
            self._rests.pop(account, None)
            self._recovered(account, moment)
        elif sign in (Sign.FAILED, Sign.FULL) or disconnected:
            del self._probes[account]
            self._held.add(account)
            finding = _finding(account, _Kind.LENGTHEN, sign, result)
            self._change(replace(finding, probe=probe.until, rests=probe.rests + 1))

    def _recovered(self, account: str, moment: float) -> None:
        self._probes.pop(account, None)
        self._tallies.pop(account, None)
        self._well_since[account] = moment

    def _change(self, change: Change) -> None:
        self._changes.append(change)
        self._generation += 1

    def look(
        self, connection: Connection, wanted: Collection[str], *, machine_now: datetime
    ) -> View:
        """Read what rests, and take the probe of those wanted accounts that may be tried.

        Args:
            wanted: accounts for which messages wait here.
        """
        generation = self._generation
        rests = account_rests.read(connection)
        until = machine_now + self.probe_life
        won = account_rests.take_probes(
            connection, rests.keys() & wanted, machine_now=machine_now, until=until
        )
        for account in won:
            rests[account] = replace(rests[account], probe_until=until)
        return View(rests=rests, won=won, generation=generation)

    def learn(self, view: View, *, moment: float) -> None:
        """Take up what the store said.

        Args:
            moment: monotonic seconds.
        """
        with self._lock:
            self._learn(view, moment)

    def _learn(self, view: View, moment: float) -> None:
        for account in view.won:
            rest = view.rests[account]
            assert rest.probe_until is not None  # noqa: S101 - a probe that was won has its end
            self._probes[account] = _Probe(
                rest.probe_until, rest.failures, moment, self.policy.probe_messages
            )
            self._rests[account] = rest
            self._held.discard(account)
        if self._changes or view.generation != self._generation:
            return  # this process knows better, and has yet to say so
        for account in self._rests.keys() - view.rests.keys():
            self._recovered(account, moment)
        self._rests = dict(view.rests)
        self._held.clear()
        for account, probe in list(self._probes.items()):
            if account not in self._rests or self._rests[account].probe_until != probe.until:
                del self._probes[account]

    def tell(self, connection: Connection, *, now: datetime, machine_now: datetime) -> "Told":
        """Write what was found into the store, in the transaction that records the answers."""
        with self._lock:
            # In one order, as everybody locks their rows; those of one account as they came.
            changes = sorted(self._changes, key=lambda change: change.account)
        seconds = [
            self.policy.rest(one.rests, chance=self.chance(), retry_after=one.retry_after)
            for one in changes
        ]
        done = [
            _write(connection, one, until=machine_now + timedelta(seconds=rest), now=now)
            for one, rest in zip(changes, seconds, strict=True)
        ]
        return Told(changes, seconds, done)

    def told(self, told: "Told") -> None:
        """What was written is committed."""
        with self._lock:
            del self._changes[: len(told.changes)]
            self._generation += bool(told.changes)
        for change, seconds, done in zip(told.changes, told.seconds, told.done, strict=True):
            if not done:
                continue
            if change.kind is _Kind.END:
                log.info("account_recovered", account=change.account)
            else:
                log.warning(
                    "account_rests",
                    account=change.account,
                    reason=change.reason,
                    detail=change.detail,
                    seconds=round(seconds, 1),
                    rests=change.rests,
                )


@dataclass(frozen=True, slots=True)
class Told:
    """Changes that were written, the seconds of their rests, and whether each changed anything."""

    changes: Sequence[Change]
    seconds: Sequence[float]
    done: Sequence[bool]


def _finding(account: str, kind: _Kind, sign: Sign, result: SendResult) -> Change:
    detail, retry_after = "no connection could be had", None
    if isinstance(result, Rejected):
        detail, retry_after = f"{result.code}: {result.detail}", result.retry_after
    elif isinstance(result, Ambiguous):
        detail = result.detail
    return Change(
        account=account,
        kind=kind,
        reason="rate" if sign is Sign.FULL else "failing",
        detail=detail[:200],
        retry_after=retry_after,
    )


def _write(connection: Connection, change: Change, *, until: datetime, now: datetime) -> bool:
    account = change.account
    if change.kind is _Kind.END:
        return account_rests.end(connection, account)
    if change.probe is None:
        return account_rests.begin(
            connection,
            account,
            reason=change.reason,
            until=until,
            detail=change.detail,
            now=now,
        )
    return account_rests.lengthen(
        connection,
        account,
        probe=change.probe,
        reason=change.reason,
        until=until,
        detail=change.detail,
    )
