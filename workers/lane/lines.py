"""The notices that wait in a lane's process, in one line per sender."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.store.notices import Notice


@dataclass(frozen=True, slots=True)
class Waiting:
    """A notice that wants a slot.

    Attributes:
        attempt: of a notice that is claimed already and has missed its slot; None: not claimed.
        claimed_at: monotonic seconds.
    """

    notice: Notice
    attempt: int | None = None
    claimed_at: float = 0.0


@dataclass(slots=True)
class _Line:
    entries: deque[Waiting] = field(default_factory=deque)
    again_at: float = 0.0


class NoticeLines:
    """One line per sender. Used from the event loop only."""

    def __init__(self) -> None:
        self._lines: dict[int, _Line] = {}
        self._known: set[int] = set()

    def __len__(self) -> int:
        return sum(len(line.entries) for line in self._lines.values())

    def add(self, notices: Sequence[Notice]) -> None:
        """Queue notices; one that is here, or on the wire from here, is not queued again."""
        for notice in notices:
            if notice.id not in self._known:
                self._known.add(notice.id)
                self._line(notice).entries.append(Waiting(notice))

    def pick(
        self, room: int, most: int, busy: Mapping[int, int], now: float
    ) -> dict[int, list[Waiting]]:
        """Take up to `room` entries out, where slots may be had.

        Args:
            most: of one sender, less those of its that are under way already.
            busy: how many these are, by sender.
        """
        picked: dict[int, list[Waiting]] = {}
        for sender, line in self._lines.items():
            if line.again_at > now:
                continue
            amount = min(room, most - busy.get(sender, 0), len(line.entries))
            if amount > 0:
                picked[sender] = [line.entries.popleft() for _ in range(amount)]
                room -= amount
        return picked

    def put_back(self, entries: Sequence[Waiting]) -> None:
        """Return entries to the heads of their lines."""
        for entry in reversed(entries):
            self._line(entry.notice).entries.appendleft(entry)

    def forget(self, notice_id: int) -> None:
        """The notice is this process's no more."""
        self._known.discard(notice_id)

    def try_again_at(self, sender_id: int, moment: float) -> None:
        """Ask for no slots of this sender before `moment` (monotonic seconds)."""
        self._lines[sender_id].again_at = moment

    def next_try(self, most: int, busy: Mapping[int, int], now: float) -> float | None:
        """Seconds until slots of a waiting sender are worth asking for; None: nothing waits.

        A sender with `most` under way is left out: it is asked for when one of them ends.
        """
        waits = [
            line.again_at - now
            for sender, line in self._lines.items()
            if line.entries and busy.get(sender, 0) < most
        ]
        return max(0.0, min(waits)) if waits else None

    def clear(self) -> list[Waiting]:
        """Empty every line."""
        entries = [entry for line in self._lines.values() for entry in line.entries]
        for line in self._lines.values():
            line.entries.clear()
        return entries

    def _line(self, notice: Notice) -> _Line:
        return self._lines.setdefault(notice.sender_id, _Line())
