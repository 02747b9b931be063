"""The messages that wait in a courier, in one line per sender."""

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.store.claims import Parcel
from pipeline.store.senders import Sender

PATIENCE = 5.0
"""Seconds that a parcel waits here for a slot before it goes back to the pool."""

LONGEST_WAIT = 30.0
"""Seconds after which it goes back though nobody asked for a slot: all that may be on the wire
is. Before its lease runs out, that is, which would in the end be held against the message."""

Waiting = tuple[Parcel, float]
"""A parcel, and since when it waits (monotonic seconds)."""


@dataclass(slots=True)
class _Line:
    sender: Sender
    parcels: deque[Waiting] = field(default_factory=deque)
    again_at: float = 0.0

    @property
    def account(self) -> str:
        return self.sender.account


class Lines:
    """One line per sender. Used from the event loop only.

    Args:
        slot_span: seconds of slots that are asked for at once: no more of a sender is picked
            than leaves in that time.
    """

    def __init__(self, slot_span: float) -> None:
        self._slot_span = slot_span
        self._lines: dict[int, _Line] = {}

    def __len__(self) -> int:
        return sum(len(line.parcels) for line in self._lines.values())

    def know(self, senders: Iterable[Sender]) -> None:
        """Learn of senders, or of their new rates."""
        for sender in senders:
            self._lines.setdefault(sender.id, _Line(sender)).sender = sender

    def sender(self, sender_id: int) -> Sender:
        """A sender that is known."""
        return self._lines[sender_id].sender

    def add(self, parcels: Sequence[Parcel], now: float) -> None:
        """Queue parcels of known senders; one that waits here already is not queued again."""
        waiting = {parcel.id for line in self._lines.values() for parcel, _ in line.parcels}
        for parcel in parcels:
            if parcel.id not in waiting:
                self._lines[parcel.sender_id].parcels.append((parcel, now))
                waiting.add(parcel.id)

    def pick(
        self, room: int, now: float, limits: Mapping[str, int] | None = None
    ) -> dict[int, list[Waiting]]:
        """Take up to `room` parcels out, evenly over the senders that may have slots now.

        Args:
            limits: the most of some provider accounts; the others have no limit.
        """
        left = dict(limits or {})
        open_lines = [
            line for line in self._lines.values() if line.parcels and line.again_at <= now
        ]
        picked: dict[int, list[Waiting]] = {}
        while room > 0 and open_lines:
            share = max(1, room // len(open_lines))
            still_open = []
            for line in open_lines:
                taken = picked.setdefault(line.sender.id, [])
                most = int(line.sender.rate_per_second * self._slot_span) + 1
                most_now = min(share, room, left.get(line.account, room))
                amount = min(most_now, most - len(taken), len(line.parcels))
                taken += [line.parcels.popleft() for _ in range(amount)]
                room -= amount
                if line.account in left:
                    left[line.account] -= amount
                if amount and line.parcels and len(taken) < most:
                    still_open.append(line)
            open_lines = still_open
        return {sender: taken for sender, taken in picked.items() if taken}

    def put_back(self, entries: Sequence[Waiting], now: float) -> list[int]:
        """Return parcels to the heads of their lines; the ids of those that waited too long."""
        tired = []
        for parcel, since in reversed(entries):
            if now - since > PATIENCE:
                tired.append(parcel.id)
            else:
                self._lines[parcel.sender_id].parcels.appendleft((parcel, since))
        return tired

    def try_again_at(self, sender_id: int, moment: float) -> None:
        """Ask for no slots of this sender before `moment`."""
        self._lines[sender_id].again_at = moment

    def next_try(self, now: float, limits: Mapping[str, int] | None = None) -> float | None:
        """Seconds until slots of a waiting sender are worth asking for; None: nobody waits.

        Args:
            limits: as in `pick`; who may have nothing at all does not count.
        """
        left = limits or {}
        waits = [
            line.again_at - now
            for line in self._lines.values()
            if line.parcels and left.get(line.account, 1) > 0
        ]
        return max(0.0, min(waits)) if waits else None

    def accounts(self) -> set[str]:
        """The provider accounts for which parcels wait."""
        return {line.account for line in self._lines.values() if line.parcels}

    def take_out(self, accounts: Collection[str]) -> list[int]:
        """Empty the lines of these accounts; the ids that waited."""
        ids = []
        for line in self._lines.values():
            if line.parcels and line.account in accounts:
                ids += [parcel.id for parcel, _ in line.parcels]
                line.parcels.clear()
        return ids

    def take_old(self, now: float) -> list[int]:
        """Take out what has waited for too long; its ids."""
        ids = []
        for line in self._lines.values():
            old = [parcel.id for parcel, since in line.parcels if now - since > LONGEST_WAIT]
            if old:
                ids += old
                line.parcels = deque(
                    entry for entry in line.parcels if now - entry[1] <= LONGEST_WAIT
                )
        return ids

    def clear(self) -> list[int]:
        """Empty every line; the ids that waited."""
        ids = [parcel.id for line in self._lines.values() for parcel, _ in line.parcels]
        for line in self._lines.values():
            line.parcels.clear()
        return ids
