"""Whether a message may go to this person at all, whatever the hour: the first half of the rules.

The order is the public one: policy, suppression, consent, content, sender and template. The
window, the caps and the quotas follow later, when the moment of sending comes near.

`prepare` decides what is the same for every recipient of an offer, `examine` what is the person's.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pipeline.policy.checks import Check, CheckOutcome, blocked, judged, passed, skipped
from pipeline.policy.consent import ConsentFinding, find_consent, may_lapse
from pipeline.policy.consent_record import ConsentRecord
from pipeline.policy.consent_seen import demands_met, explain_consent, is_offline
from pipeline.policy.content.check import TextChecks, checks_for
from pipeline.policy.content.rules import ContentRules
from pipeline.policy.country import CountryPolicy
from pipeline.policy.decision import Decision, Defer, Proceed
from pipeline.policy.header import check_header
from pipeline.policy.listings import check_listings
from pipeline.policy.offer import CampaignFacts, Offer, Person
from pipeline.policy.preferences import check_preference
from pipeline.policy.sender import check_sender
from pipeline.policy.template import TemplateUse, check_template
from pipeline.policy.template_text import TemplateText
from pipeline.policy.vocabulary import Category, Question, Reason

_NO_DEMANDS = ContentRules()


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """An offer, with everything decided that is the same for all.

    Attributes:
        place: the checks of the policy and the channel.
        demands: the checks that a passing consent has met besides, online and offline.
        senders: the checks of the sender and the template.
        instance: set where the body has a registered template behind it.
    """

    offer: Offer
    place: tuple[Check, ...]
    demands: tuple[tuple[Check, ...], tuple[Check, ...]]
    text: TextChecks
    senders: tuple[Check, ...]
    instance: TemplateText | None

    @property
    def asks_for_consent(self) -> bool:
        """Whether the country asks for one for such messages."""
        return self.offer.campaign.category in self.offer.policy.consents


@dataclass(frozen=True, kw_only=True, slots=True)
class Eligibility:
    """The answer for one person.

    Attributes:
        decision: proceed, naming the consent's rule, or the first check that stops.
        warnings: the rules that let it pass and want it to be known.
        saw: what the check that stopped it looked at.
    """

    decision: Decision
    warnings: tuple[str, ...] = ()
    saw: Mapping[str, object] = field(default_factory=dict)


NO_POLICY = blocked(Question.POLICY, None, Reason.NO_POLICY)
"""The check of a recipient for whose country there is no pack, or none in force yet."""


def prepare(offer: Offer, *, now: datetime) -> Prepared:
    """Decide what is the same for every recipient of the offer at that instant."""
    policy, campaign, template = offer.policy, offer.campaign, offer.template
    rules = policy.contents.get(campaign.category, _NO_DEMANDS)
    consent = policy.consents.get(campaign.category)
    text = campaign.text
    if template is not None:
        text = text.under(template.language, machine_translated=template.machine_translated)
    return Prepared(
        offer=offer,
        place=(_check_channel(policy, campaign),),
        demands=(demands_met(consent, offline=False), demands_met(consent, offline=True)),
        text=checks_for(rules, text, policy.country, offer.words, policy.opt_out.words),
        senders=_check_senders(offer, now),
        # Of a template that nobody has registered there is no text to compare with.
        instance=TemplateText(template.body, campaign.text.body)
        if template is not None and template.body
        else None,
    )


def examine(prepared: Prepared, person: Person, *, now: datetime) -> Iterator[Check]:
    """Every check in the public order, the failed ones too; lazily, for who needs only the first.

    Content is not looked at while a variable is missing: there is no text yet.
    """
    offer = prepared.offer
    policy, campaign = offer.policy, offer.campaign
    yield from prepared.place
    yield _check_suppression(person, campaign.category)
    yield from _check_consent(prepared, person, now)
    if person.preference is not None and policy.preferences_rule is not None:
        yield from check_preference(
            policy.preferences_rule,
            person.preference,
            category=campaign.category,
            channel=campaign.channel,
            topic=campaign.topic,
        )
    texts = prepared.text.check(person.values, first=person.first)
    yield from texts
    yield from prepared.senders
    if prepared.instance is not None and not any(
        check.reason is Reason.CONTENT_VARIABLE_MISSING for check in texts
    ):
        yield _check_instance(policy, prepared.instance, person.values)


def examine_again(prepared: Prepared, person: Person, *, now: datetime) -> Iterator[Check]:
    """Those checks of `examine` whose answers can change with time while the rules stay the same.

    For a message that waits: the others have let it pass already.
    """
    offer = prepared.offer
    rule = offer.policy.consents.get(offer.campaign.category)
    if person.listed or may_lapse(rule, person.consents):
        yield from _check_consent(prepared, person, now)
    yield from prepared.senders


def _check_consent(prepared: Prepared, person: Person, now: datetime) -> Iterator[Check]:
    """Public lists, and the consent itself."""
    policy, campaign = prepared.offer.policy, prepared.offer.campaign
    if person.listed:
        yield from check_listings(
            policy.block_lists,
            person.listed,
            person.states,
            person.consents,
            category=campaign.category,
            channel=campaign.channel,
            decide=lambda records: _find_consent(prepared, person, records, now).decision,
            now=now,
        )
    found = _find_consent(prepared, person, person.consents, now)
    seen = explain_consent(policy.consents.get(campaign.category), found, person.consents)
    yield judged(Question.CONSENT, found.decision, **seen)
    if isinstance(found.decision, Proceed):
        yield from prepared.demands[is_offline(found.record)]


def allowing_consent(prepared: Prepared, person: Person, *, now: datetime) -> ConsentRecord | None:
    """The consent that lets a message through; None: none does, or none is asked for."""
    found = _find_consent(prepared, person, person.consents, now)
    return found.record if isinstance(found.decision, Proceed) else None


def _find_consent(
    prepared: Prepared, person: Person, records: Sequence[ConsentRecord], now: datetime
) -> ConsentFinding:
    campaign = prepared.offer.campaign
    return find_consent(
        prepared.offer.policy.consents.get(campaign.category),
        records,
        channel=campaign.channel,
        topic=campaign.topic,
        opted_out_at=person.opted_out_at,
        now=now,
    )


def decide_eligibility(prepared: Prepared, person: Person, *, now: datetime) -> Eligibility:
    """Stop at the first check that does not pass, else proceed, naming the consent's rule.

    A suspended sender is no obstacle here: its messages go on and wait, ready, for an operator.
    """
    warnings: list[str] = []
    rule: str | None = None
    for check in examine(prepared, person, now=now):
        if check.outcome is CheckOutcome.WARN and check.rule is not None:
            warnings.append(check.rule)
        elif check.stops and not _waits_for_operator(check):
            return Eligibility(decision=check.decision, warnings=tuple(warnings), saw=check.saw)
        elif check.question is Question.CONSENT and rule is None:
            rule = check.rule
    return Eligibility(decision=Proceed(rule=rule), warnings=tuple(warnings))


def _waits_for_operator(check: Check) -> bool:
    return (
        check.question is Question.SENDER
        and check.until is None
        and isinstance(check.decision, Defer)
    )


def _check_channel(policy: CountryPolicy, campaign: CampaignFacts) -> Check:
    banned = policy.channel_bans.get((campaign.category, campaign.channel))
    if banned is not None or campaign.channel not in policy.channels:
        reason = Reason.CHANNEL_NOT_ALLOWED
        return blocked(Question.POLICY, banned, reason, channel=campaign.channel.value)
    return passed(Question.POLICY, policy=policy.version)


_FREE = passed(Question.SUPPRESSION)


def _check_suppression(person: Person, category: Category) -> Check:
    if person.suppressed:
        return blocked(Question.SUPPRESSION, None, Reason.SUPPRESSED, **person.suppression)
    if person.held and category is not Category.TRANSACTIONAL:
        held = Defer(until=None, reason=Reason.SUPPRESSED)
        return judged(Question.SUPPRESSION, held, held_for_review=True)
    return _FREE


def _check_senders(offer: Offer, now: datetime) -> tuple[Check, ...]:
    if not offer.check_sender:
        return (skipped(Question.SENDER), skipped(Question.TEMPLATE))
    policy, campaign = offer.policy, offer.campaign
    use = TemplateUse(
        business=campaign.business,
        channel=campaign.channel,
        category=campaign.category,
        language=campaign.text.language,
    )
    header = policy.headers.get(campaign.category)
    return (
        *check_sender(policy, offer.sender, now=now),
        *check_header(header, offer.sender, offer.template, campaign.text.body),
        *check_template(policy, offer.template, use, approved=offer.approved_templates, now=now),
    )


def _check_instance(
    policy: CountryPolicy, instance: TemplateText, values: Mapping[str, str]
) -> Check:
    rule = None if policy.template is None else policy.template.match_rule
    if instance.matches(values):
        return passed(Question.TEMPLATE, rule)
    return blocked(Question.TEMPLATE, rule, Reason.TEMPLATE_MISMATCH)
