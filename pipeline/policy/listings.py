"""Public lists of people who want no advertising, where an overlay has them looked at."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from pipeline.policy.checks import Check, blocked
from pipeline.policy.consent import ConsentRecord
from pipeline.policy.country import CountryPolicy
from pipeline.policy.instants import in_utc
from pipeline.policy.vocabulary import Question, Reason


def check_listings(
    policy: CountryPolicy,
    listed: Sequence[tuple[str, datetime]],
    states: frozenset[str],
    consents: Sequence[ConsentRecord],
    *,
    now: datetime,
) -> Iterator[Check]:
    """Block for every list that binds this person now.

    Who was listed and then consented to this very business has authorised it.

    Args:
        listed: (name of a list, since when), each the person's own entry.
        states: the subdivisions in which they may be.
        consents: theirs to the business, in the message's category.
    """
    since = {name: in_utc(moment) for name, moment in listed}
    for one in policy.block_lists:
        listed_at = since.get(one.name)
        if listed_at is None or listed_at + one.after > in_utc(now):
            continue
        if one.states and states and not states & one.states:
            continue
        authorised = any(
            record.granted_at is not None
            and record.revoked_at is None
            and listed_at < in_utc(record.granted_at) <= in_utc(now)
            for record in consents
        )
        if not authorised:
            yield blocked(
                Question.SUPPRESSION,
                one.rule,
                Reason.SUPPRESSED,
                list=one.name,
                since=listed_at.isoformat(),
            )
