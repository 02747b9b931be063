"""Whether a message may go to this person at all, whatever the hour: the first half of the rules.

The order is the public one: policy, suppression, consent, content, sender and template. The
window, the caps and the quotas follow later, when the moment of sending comes near.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.policy.consent import ConsentRecord, decide_consent
from pipeline.policy.country import CountryPolicy
from pipeline.policy.decision import Block, Decision, Defer, Proceed
from pipeline.policy.sender import SenderFacts, TemplateFacts, decide_sender, decide_template
from pipeline.policy.vocabulary import Category, Channel, Reason


@dataclass(frozen=True, kw_only=True, slots=True)
class RecipientFacts:
    """What the rules look at.

    Attributes:
        policy: the recipient's country's; None: there is no pack for it.
        suppressed: whether a suppression in force stops this category.
        held: whether a reply of the person waits for somebody to decide what it means.
        opted_out_at: the last opt-out of this business, lifted or not; older consents are void.
        consents: the person's consents to this business in this category.
        variables_missing: whether the body needs a variable that the row lacks.
        check_sender: False where no senders are known at all (a simulation without them).
    """

    policy: CountryPolicy | None
    category: Category
    channel: Channel
    topic: str | None
    suppressed: bool
    opted_out_at: datetime | None
    consents: Sequence[ConsentRecord]
    variables_missing: bool
    sender: SenderFacts | None
    template: TemplateFacts | None
    check_sender: bool = True
    held: bool = False


def decide_eligibility(facts: RecipientFacts, *, now: datetime) -> Decision:
    """Block for the first rule that is broken, else proceed; naming the consent's rule.

    A suspended sender is no obstacle here: its messages go on and wait, ready, for an operator.
    """
    policy = facts.policy
    if policy is None:
        return Block(reason=Reason.NO_POLICY)
    if facts.suppressed:
        return Block(reason=Reason.SUPPRESSED)
    if facts.held and facts.category is not Category.TRANSACTIONAL:
        return Defer(until=None, reason=Reason.SUPPRESSED)
    consent = decide_consent(
        policy.consents.get(facts.category),
        facts.consents,
        channel=facts.channel,
        topic=facts.topic,
        opted_out_at=facts.opted_out_at,
        now=now,
    )
    if isinstance(consent, Block):
        return consent
    if facts.channel not in policy.channels:
        return Block(reason=Reason.CHANNEL_NOT_ALLOWED)
    if facts.variables_missing:
        return Block(reason=Reason.CONTENT_VARIABLE_MISSING)
    if facts.check_sender:
        sender = decide_sender(policy, facts.sender, now=now)
        template = decide_template(policy, facts.template, now=now)
        for decision in (sender, template):
            if not isinstance(decision, Proceed) and not _waits_for_operator(decision):
                return decision
    return consent


def _waits_for_operator(decision: Decision) -> bool:
    return isinstance(decision, Defer) and decision.until is None
