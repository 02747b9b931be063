"""What must hold after a fault, judged by the evidence alone."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks.faults.evidence import HANDED, MOVING, Evidence, MessageRow
from pipeline.policy.decision import Proceed
from pipeline.policy.frequency import binding_caps, limit_of
from pipeline.policy.numbers import states_of
from pipeline.policy.vocabulary import Category, Channel
from pipeline.stages.books import Books

OVERTAKEN_SECONDS = 0.25
"""After the commit of an opt-out no request to the person begins later than this."""

ON_THE_WIRE_SECONDS = 0.1
"""Between a request's beginning and the moment that the provider notes, where the clock is fast."""

_EXAMPLES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What came of a campaign.

    Attributes:
        messages: rows that were enqueued.
        lost: of them, those without a row in the end; and those that are recorded as sent and
            never were.
        doubled: messages and notices that the provider took more than once.
        in_doubt: messages that are in doubt at the end.
        settled: messages that were, and of which evidence has told since.
        late_milliseconds: the longest that a request began after an opt-out; None: none did.
        problems: every broken promise, in words.
    """

    messages: int
    lost: int
    doubled: int
    in_doubt: int
    settled: int
    late_milliseconds: int | None
    states: dict[str, int]
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """What a verdict goes by.

    Attributes:
        enqueued: messages that must have a row.
        may_doubt: whether a worker was killed or frozen, or an answer was lost; without that
            nothing may be in doubt.
        dead_letters: entries that had to be set aside.
    """

    enqueued: int
    may_doubt: bool = True
    dead_letters: int = 0


def judge(evidence: Evidence, expected: Expected, books: Books) -> Verdict:
    """Hold the evidence against the promises."""
    taken = Counter(one.message_id for one in evidence.requests if one.taken)
    in_state = defaultdict(set)
    for message in evidence.messages.values():
        in_state[message.state].add(message.id)
    handed = set().union(*(in_state[state] for state in HANDED))
    in_doubt = in_state["in_doubt"]
    missing = expected.enqueued - len(evidence.messages)
    untaken = handed - taken.keys()
    twice = [id_ for found in (taken, evidence.notices) for id_, n in found.items() if n > 1]
    late = _latest(evidence)
    problems = [
        *_complaint("messages have no row", missing),
        *_complaint("messages are recorded as sent and were never taken", untaken),
        *_complaint("were sent more than once", twice),
        *_complaint(
            "were taken and are neither sent nor in doubt",
            taken.keys() - handed - in_doubt - in_state["sending"],  # which is stuck: see below
        ),
        *_complaint("have work left and nobody does it", _stuck(in_state)),
        *_complaint("rows are held although nothing is to be done", evidence.leases),
        *_complaint("are in doubt without a reason", _doubted(evidence, in_doubt, expected)),
        *_complaint("left outside of their window", _outside(evidence, books)),
        *_complaint("people got more than a cap allows", _over_caps(evidence, books)),
    ]
    if late is not None and late > OVERTAKEN_SECONDS:
        problems.append(f"a request began {late * 1000:.0f} ms after an opt-out was in force")
    if evidence.dead_letters != expected.dead_letters:
        problems.append(f"{evidence.dead_letters} entries were set aside")
    return Verdict(
        messages=expected.enqueued,
        lost=missing + len(untaken),
        doubled=len(twice),
        in_doubt=len(in_doubt),
        settled=len(evidence.doubts.keys() - in_doubt),
        late_milliseconds=None if late is None else round(late * 1000),
        states=dict(evidence.states),
        problems=problems,
    )


def _complaint(what: str, found: "int | set[int] | list[int]") -> Iterator[str]:
    if isinstance(found, int):
        if found:
            yield f"{found} {what}"
    elif found:
        yield f"{len(found)} {what}: {sorted(found)[:_EXAMPLES]}"


def _stuck(in_state: dict[str, set[int]]) -> set[int]:
    return set().union(*(in_state[state] for state in MOVING))


def _doubted(evidence: Evidence, in_doubt: set[int], expected: Expected) -> set[int]:
    """In doubt although no request can have left.

    The dispatcher doubts what a lost worker had claimed: it may have left. Who was answered, or
    waited in vain, had a request, and the provider has it in its log or never got it whole.
    """
    if not expected.may_doubt:
        return set(evidence.doubts) | in_doubt
    asked = {one.message_id for one in evidence.requests}
    return {id_ for id_ in in_doubt - asked if evidence.doubts.get(id_) != "dispatch"}


def _latest(evidence: Evidence) -> float | None:
    """The longest time, in seconds, that a request came after its person's opt-out was in force."""
    gaps = [
        one.at - evidence.opt_outs[one.to]
        for one in evidence.requests
        if one.to in evidence.opt_outs
    ]
    return max(gaps, default=None)


def _outside(evidence: Evidence, books: Books) -> set[int]:
    """Taken while the person's window was closed, when it came and when it must have begun."""
    found = set()
    for one in evidence.requests:
        message = evidence.messages.get(one.message_id)
        if message is None or not one.taken:
            continue
        moments = (one.at, one.at - ON_THE_WIRE_SECONDS)
        if not any(_is_open(message, evidence, at, books) for at in moments):
            found.add(one.message_id)
    return found


def _is_open(message: MessageRow, evidence: Evidence, at: float, books: Books) -> bool:
    now = evidence.business(at)
    policy = books.policy(message.country, now)
    if policy is None:
        return False
    zones, state = message.zones, message.subdivision
    found = books.windows.decide(policy, Category.MARKETING, zones=zones, state=state, now=now)
    return isinstance(found.decision, Proceed)


def _over_caps(evidence: Evidence, books: Books) -> set[int]:
    """People (by contact) to whom more was sent in some span than one of their caps allows."""
    times: dict[int, list[float]] = defaultdict(list)
    someone: dict[int, MessageRow] = {}
    for one in evidence.requests:
        message = evidence.messages.get(one.message_id)
        if message is not None and one.taken:
            times[message.contact_id].append(one.at)
            someone[message.contact_id] = message
    return {
        contact
        for contact, sent in times.items()
        if len(sent) > 1 and _is_over(someone[contact], sorted(sent), evidence, books)
    }


def _is_over(message: MessageRow, sent: list[float], evidence: Evidence, books: Books) -> bool:
    instants = [evidence.business(at) for at in sent]
    policy = books.policy(message.country, instants[-1])
    caps = () if policy is None else policy.caps.get(Category.MARKETING, ())
    bound = binding_caps(caps, Channel.SMS, lambda: states_of(message.phone or ""))
    return any(
        sum(end - cap.period < at <= end for at in instants) > limit_of(cap, on_holiday=False)
        for cap in bound
        for end in instants
    )
