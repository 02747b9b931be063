"""The cross-check: what the database says against what the sandbox took.

Nothing of what decided about a message is trusted here: the sandbox's own log and machine time,
turned back into business time, are held against the windows once more.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pipeline.policy.decision import Proceed
from pipeline.policy.vocabulary import Category
from pipeline.stages.books import Books
from workers.demo.figures import OptOut, SentMessage
from workers.demo.sandbox_client import Taken

OVERTAKEN_SECONDS = 0.25
"""Machine time after the commit of an opt-out in which a request may still begin: it was claimed
before. No request begins later."""

ON_THE_WIRE_SECONDS = 0.1
"""Machine time between a request's beginning and the moment that the sandbox notes; at two
business hours a second this is twelve minutes, and it is long only where the machine is busy."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """What the cross-check found.

    Attributes:
        taken: messages that the sandbox took.
        recorded: messages that the database says were sent.
        unrecorded: taken, and not recorded as sent.
        untaken: recorded as sent, and not taken.
        repeated: taken more than once.
        outside_window: taken, or begun, while the person's window was closed.
        after_opt_out: begun after the person's opt-out was in force.
    """

    taken: int
    recorded: int
    unrecorded: int
    untaken: int
    repeated: int
    outside_window: int
    after_opt_out: int

    def problems(self) -> list[str]:
        """What is wrong, in words; empty: nothing is."""
        found = {
            "taken by the sandbox and not recorded as sent": self.unrecorded,
            "recorded as sent and not taken by the sandbox": self.untaken,
            "sent more than once": self.repeated,
            "sent outside the window": self.outside_window,
            "sent after the person had left": self.after_opt_out,
        }
        return [f"{number} messages {what}" for what, number in found.items() if number]


def audit(
    log: Sequence[Taken],
    recorded: Mapping[int, SentMessage],
    opt_outs: Mapping[str, OptOut],
    in_force_since: Mapping[str, float],
    *,
    books: Books,
    business: Callable[[float], datetime],
) -> Audit:
    """Hold the sandbox's log against the database.

    Args:
        log: what the sandbox took.
        recorded: the messages that the database says were sent.
        opt_outs: those in force, by the reply's id.
        in_force_since: the reply's id → machine seconds at which it certainly was.
        business: turns machine seconds into the business instant.
    """
    times = Counter(entry.message_id for entry in log)
    stopped = _stopped_since(opt_outs, in_force_since)
    outside = late = 0
    for entry in log:
        message = recorded.get(entry.message_id)
        if message is None:
            continue
        arrived, begun = business(entry.at), business(entry.at - ON_THE_WIRE_SECONDS)
        on_time = is_open(message, arrived, books) or is_open(message, begun, books)
        outside += not (on_time and is_open(message, message.sent_at, books))
        late += entry.at > stopped.get(message.contact_id, entry.at) + OVERTAKEN_SECONDS
    return Audit(
        taken=len(log),
        recorded=len(recorded),
        unrecorded=len(times.keys() - recorded.keys()),
        untaken=len(recorded.keys() - times.keys()),
        repeated=sum(number > 1 for number in times.values()),
        outside_window=outside,
        after_opt_out=late,
    )


def _stopped_since(
    opt_outs: Mapping[str, OptOut], in_force_since: Mapping[str, float]
) -> dict[int, float]:
    """Person → machine seconds since which nothing may go out to them."""
    stopped: dict[int, float] = {}
    for reply, opt_out in opt_outs.items():
        since = in_force_since[reply]
        stopped[opt_out.contact_id] = min(since, stopped.get(opt_out.contact_id, since))
    return stopped


def is_open(message: SentMessage, at: datetime, books: Books) -> bool:
    """Whether the person's window for marketing is open at an instant, in all of their zones."""
    policy = books.policy(message.country, at)
    if policy is None:
        return False
    found = books.windows.decide(
        policy, Category.MARKETING, zones=message.zones, state=message.state, now=at
    )
    return isinstance(found.decision, Proceed)


def business_time(start: datetime, speed: float, origin: datetime) -> Callable[[float], datetime]:
    """Turns machine seconds since 1970 into business time, by the clock's definition."""

    def convert(at: float) -> datetime:
        return start + (datetime.fromtimestamp(at, UTC) - origin) * speed

    return convert
