"""The cross-check: what the database says against what the sandbox took.

Nothing of what decided about a message is trusted here: the sandbox's own log and machine time,
turned back into business time, are held against the windows once more, and against the moments at
which the webhooks said that somebody had left.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pipeline.policy.decision import Proceed
from pipeline.policy.vocabulary import Category
from pipeline.stages.books import Books
from workers.demo.figures import OptOut, SentMessage
from workers.sandbox.client import Answer, Taken

OVERTAKEN_SECONDS = 0.25
"""Machine time after the webhook's answer, which comes after the commit, in which a request may
still begin: it was claimed before. No request begins later."""

CONFIRMATIONS = {"sent": (1, 1), "in_doubt": (0, 1)}
"""How many confirmations a person has been sent, at least and at most, by what the database says
became of it; by any other word: none."""

ON_THE_WIRE_SECONDS = 0.1
"""Machine time between a request's beginning and the moment that the sandbox notes; at two
business hours a second this is twelve minutes, and it is long only where the machine is busy."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """What the cross-check found.

    Attributes:
        taken: messages of campaigns that the sandbox took.
        recorded: messages that the database says were sent.
        unrecorded: taken, and not recorded as sent.
        untaken: recorded as sent, and not taken.
        repeated: taken more than once.
        outside_window: taken, or begun, while the person's window was closed.
        after_opt_out: begun after the person's opt-out was in force.
        confirmations: confirmations of opt-outs that the sandbox took.
        wrongly_confirmed: people who left and were sent more or fewer of them than they should.
        slowest_confirmation: seconds of machine time from a reply to the request for its
            confirmation, at most; None: there was none.
    """

    taken: int
    recorded: int
    unrecorded: int
    untaken: int
    repeated: int
    outside_window: int
    after_opt_out: int
    confirmations: int = 0
    wrongly_confirmed: int = 0
    slowest_confirmation: float | None = None

    def problems(self) -> list[str]:
        """What is wrong, in words; empty: nothing is."""
        found = {
            "taken by the sandbox and not recorded as sent": self.unrecorded,
            "recorded as sent and not taken by the sandbox": self.untaken,
            "sent more than once": self.repeated,
            "sent outside the window": self.outside_window,
            "sent after the person had left": self.after_opt_out,
        }
        wrong = [f"{number} messages {what}" for what, number in found.items() if number]
        if self.wrongly_confirmed:
            wrong.append(f"{self.wrongly_confirmed} people did not get exactly one confirmation")
        return wrong


def audit(
    log: Sequence[Taken],
    recorded: Mapping[int, SentMessage],
    wishes: Mapping[str, Answer],
    opt_outs: Mapping[str, OptOut],
    *,
    books: Books,
    business: Callable[[float], datetime],
) -> Audit:
    """Hold the sandbox's log against the database.

    Args:
        log: what the sandbox took.
        recorded: the messages that the database says were sent.
        wishes: what the webhook said to each wish to leave, by the person's number.
        opt_outs: those in force, by the same.
        books: the rules.
        business: turns machine seconds into the business instant.
    """
    # Below 0 are the ids of what the opt-out lane sends.
    sent = [entry for entry in log if entry.message_id > 0]
    times = Counter(entry.message_id for entry in sent)
    outside = late = 0
    for entry in sent:
        wish = wishes.get(entry.to)
        late += wish is not None and entry.at > wish.answered_at + OVERTAKEN_SECONDS
        message = recorded.get(entry.message_id)
        if message is not None:
            arrived, begun = business(entry.at), business(entry.at - ON_THE_WIRE_SECONDS)
            on_time = is_open(message, arrived, books) or is_open(message, begun, books)
            outside += not (on_time and is_open(message, message.sent_at, books))
    confirmed = [entry for entry in log if entry.message_id < 0 and entry.to in wishes]
    return Audit(
        taken=len(sent),
        recorded=len(recorded),
        unrecorded=len(times.keys() - recorded.keys()),
        untaken=len(recorded.keys() - times.keys()),
        repeated=sum(number > 1 for number in times.values()),
        outside_window=outside,
        after_opt_out=late,
        confirmations=len(confirmed),
        wrongly_confirmed=_wrongly_confirmed(confirmed, opt_outs),
        slowest_confirmation=max(
            (entry.at - wishes[entry.to].sent_at for entry in confirmed), default=None
        ),
    )


def _wrongly_confirmed(confirmed: Sequence[Taken], opt_outs: Mapping[str, OptOut]) -> int:
    times = Counter(entry.to for entry in confirmed)
    wrong = 0
    for number, opt_out in opt_outs.items():
        least, most = CONFIRMATIONS.get(opt_out.confirmation, (0, 0))
        wrong += not least <= times[number] <= most
    return wrong


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
