"""Public lists of people who want no advertising, where an overlay has them looked at."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from pipeline.policy.checks import Check, blocked
from pipeline.policy.consent import ConsentRecord
from pipeline.policy.country import BlockList
from pipeline.policy.decision import Decision, Proceed
from pipeline.policy.instants import in_utc
from pipeline.policy.vocabulary import Category, Channel, Question, Reason


def check_listings(
    lists: Sequence[BlockList],
    listed: Sequence[tuple[str, datetime]],
    states: frozenset[str],
    consents: Sequence[ConsentRecord],
    *,
    category: Category,
    channel: Channel,
    decide: Callable[[Sequence[ConsentRecord]], Decision],
    now: datetime,
) -> Iterator[Check]:
    """Block for every list that binds this person now.

    Who was listed and then gave this very business a consent that lets the message through has
    authorised it.

    Args:
        lists: those that the country's policy has looked at.
        listed: (name of a list, since when), each the person's own entry.
        states: the subdivisions in which they may be; none: any.
        consents: theirs to the business, in the message's category.
        category, channel: the message's.
        decide: what the country's consent rule says of some of those consents.

    Raises:
        ValueError: an instant is naive.
    """
    since = {name: in_utc(moment) for name, moment in listed}
    for one in lists:
        listed_at = since.get(one.name)
        if category not in one.categories or channel not in one.channels:
            continue
        if listed_at is None or listed_at + one.after > in_utc(now):
            continue
        if one.states and states and not states & one.states:
            continue
        later = [record for record in consents if _granted_after(record, listed_at)]
        if not later or not isinstance(decide(later), Proceed):
            yield blocked(
                Question.SUPPRESSION,
                one.rule,
                Reason.SUPPRESSED,
                list=one.name,
                since=listed_at.isoformat(),
            )


def _granted_after(record: ConsentRecord, listed_at: datetime) -> bool:
    granted_at = record.granted_at
    return granted_at is not None and record.revoked_at is None and in_utc(granted_at) > listed_at
