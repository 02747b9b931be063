"""Whether a sender may be used in the recipient's country."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pipeline.policy.checks import Check, blocked, judged, passed, skipped, warned
from pipeline.policy.country import CountryPolicy
from pipeline.policy.decision import Defer
from pipeline.policy.numbers import COUNTRY_OF_REGION
from pipeline.policy.registration import Registration, check_registration
from pipeline.policy.vocabulary import Channel, Question, Reason, Tier


class SenderState(StrEnum):
    """Whether a sender may send; a suspended one waits for a person."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


@dataclass(frozen=True, kw_only=True, slots=True)
class SenderFacts:
    """What is known of a sender at the moment of the decision.

    Attributes:
        address: what its recipients see as the sender: a number, or a header of letters.
        reason: why it is suspended, where it is.
        official: whether it is reached through the channel's official interface.
        region: ISO 3166 code of where its provider keeps the data; None: not known.
        safeguard: what allows data to be kept there, e.g. ``adequacy decision``; None: nothing.
    """

    id: str
    business: str
    country: str
    channel: Channel
    tier: Tier
    state: SenderState
    address: str = ""
    reason: str | None = None
    registration: Registration | None = None
    official: bool = True
    region: str | None = None
    safeguard: str | None = None


def check_sender(
    policy: CountryPolicy, sender: SenderFacts | None, *, now: datetime
) -> tuple[Check, ...]:
    """Everything that is asked of the sender, a check for each rule.

    No sender at all, or one whose registration is missing, of another kind or country, not
    approved, over or incomplete where the country asks for one, is a block. A suspended sender is
    a wait without an end: only a person lifts it.

    Raises:
        ValueError: an instant is naive.
    """
    required = policy.registration
    if sender is None:
        rule = None if required is None else required.rule
        return (blocked(Question.SENDER, rule, Reason.SENDER_UNREGISTERED, sender=None),)
    checks = [*_check_registration(policy, sender, now)]
    if policy.transfer_rule is not None:
        checks.append(_check_transfer(policy, policy.transfer_rule, sender))
    if policy.official_rule is not None:
        checks.append(
            passed(Question.SENDER, policy.official_rule)
            if sender.official
            else warned(Question.SENDER, policy.official_rule, None, official=False)
        )
    checks.append(_check_state(sender))
    return tuple(checks)


def _check_registration(
    policy: CountryPolicy, sender: SenderFacts, now: datetime
) -> Iterator[Check]:
    required = policy.registration
    if required is None or sender.channel not in required.channels:
        return
    # Its quotas and thresholds are those of the country that it stands for: with another's, or
    # none, a registration here would open a way around this one's.
    if sender.country not in policy.home:
        reason = Reason.SENDER_UNREGISTERED
        yield blocked(Question.SENDER, required.rule, reason, sender_of=sender.country)
        return
    yield from check_registration(policy, required, sender.registration, now=now)


def _check_transfer(policy: CountryPolicy, rule: str, sender: SenderFacts) -> Check:
    """Whether recipients' data may be where the sender's provider keeps them."""
    region, safeguard = sender.region, sender.safeguard
    if region is None:
        return skipped(Question.SENDER, rule, region=None)
    if COUNTRY_OF_REGION.get(region, region) in policy.home:
        return passed(Question.SENDER, rule, region=region)
    if safeguard is not None and _plain(safeguard) in {_plain(one) for one in policy.safeguards}:
        return passed(Question.SENDER, rule, region=region, safeguard=safeguard)
    reason = Reason.TRANSFER_NOT_ALLOWED
    return blocked(Question.SENDER, rule, reason, region=region, safeguard=safeguard)


def _plain(words: str) -> str:
    return " ".join(words.split()).casefold()


def _check_state(sender: SenderFacts) -> Check:
    if sender.state is SenderState.SUSPENDED:
        waits = Defer(until=None, reason=Reason.SENDER_SUSPENDED)
        return judged(Question.SENDER, waits, because=sender.reason)
    return passed(Question.SENDER, sender=sender.id)
