"""Whether a sender and a template may be used in the recipient's country."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pipeline.policy.checks import Check, judged
from pipeline.policy.country import CountryPolicy
from pipeline.policy.decision import Block, Decision, Defer, Proceed
from pipeline.policy.instants import in_utc
from pipeline.policy.rendering import VARIABLE
from pipeline.policy.sender_rules import RegistrationRule, TemplateRule
from pipeline.policy.vocabulary import Channel, Question, Reason, RegistrationStatus, Tier


class SenderState(StrEnum):
    """Whether a sender may send; a suspended one waits for a person."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


@dataclass(frozen=True, kw_only=True, slots=True)
class Registration:
    """A sender's registration with operators or authorities.

    Attributes:
        kind: ``10dlc``, ``operator`` or ``dlt``.
        approved_at, expires_at: aware; it holds from the first (inclusive) to the second
            (exclusive). None: no such limit is known.
        fields: what was registered, e.g. ``cnpj``.
    """

    kind: str
    status: RegistrationStatus
    approved_at: datetime | None = None
    expires_at: datetime | None = None
    fields: Mapping[str, object] = field(default_factory=dict)


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


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateFacts:
    """What is known of a template; one that is named and not known is a ``draft``.

    Attributes:
        header, body: its text, with variables as ``{name}``.
        approved_at, last_used_at: aware; None is unknown.
        language: its tag; empty: unknown.
    """

    id: str
    status: RegistrationStatus
    header: str = ""
    body: str = ""
    language: str = ""
    machine_translated: bool = False
    approved_at: datetime | None = None
    last_used_at: datetime | None = None


def decide_sender(policy: CountryPolicy, sender: SenderFacts | None, *, now: datetime) -> Decision:
    """Whether the sender may send to the policy's country now.

    No sender at all, or one whose registration is missing, of another kind, not approved,
    expired or incomplete where the country asks for one, is a block. A suspended sender is a
    wait without an end: only a person lifts it.

    Raises:
        ValueError: an instant is naive.
    """
    moment = in_utc(now)
    required = policy.registration
    if sender is None:
        rule = None if required is None else required.rule
        return Block(reason=Reason.SENDER_UNREGISTERED, rule=rule)
    if required is not None and sender.channel in required.channels:
        broken_rule = _broken_rule(required, sender.registration, moment)
        if broken_rule is not None:
            return Block(reason=Reason.SENDER_UNREGISTERED, rule=broken_rule)
    if sender.state is SenderState.SUSPENDED:
        return Defer(until=None, reason=Reason.SENDER_SUSPENDED)
    return Proceed(rule=None if required is None else required.rule)


def check_sender(
    policy: CountryPolicy, sender: SenderFacts | None, *, now: datetime
) -> tuple[Check, ...]:
    """Everything that is asked of the sender."""
    return (judged(Question.SENDER, decide_sender(policy, sender, now=now)),)


def check_template(
    policy: CountryPolicy, template: TemplateFacts | None, approved: int | None, *, now: datetime
) -> tuple[Check, ...]:
    """Everything that is asked of the template, apart from the text being an instance of it.

    Args:
        approved: how many approved templates the business has in the country; None: unknown.
    """
    return (judged(Question.TEMPLATE, decide_template(policy, template, now=now)),)


def _broken_rule(
    required: RegistrationRule, registration: Registration | None, now: datetime
) -> str | None:
    """The rule that the registration does not meet; None when it meets all."""
    if registration is None or registration.kind != required.kind:
        return required.rule
    if not _holds(registration.status, registration.approved_at, registration.expires_at, now):
        return required.rule
    for name in required.fields:
        value = registration.fields.get(name)
        missing = value is None or value is False or not str(value).strip()
        if missing:
            return required.field_rules.get(name, required.rule)
    return None


def _holds(
    status: RegistrationStatus,
    approved_at: datetime | None,
    expires_at: datetime | None,
    now: datetime,
) -> bool:
    if status is not RegistrationStatus.APPROVED:
        return False
    if approved_at is not None and in_utc(approved_at) > now:
        return False
    return expires_at is None or in_utc(expires_at) > now


def decide_template(
    policy: CountryPolicy, template: TemplateFacts | None, *, now: datetime
) -> Decision:
    """Whether the template may be used, or its absence stand, in the policy's country now.

    Where the country sends only through approved templates, none is a block. Everywhere a
    template that is named must be approved.

    Raises:
        ValueError: an instant is naive.
    """
    moment = in_utc(now)
    required = policy.template
    rule = None if required is None else required.rule
    if template is None:
        if required is not None and required.required:
            return Block(reason=Reason.TEMPLATE_UNAPPROVED, rule=rule)
        return Proceed(rule=rule)
    if not _holds(template.status, template.approved_at, None, moment):
        return Block(reason=Reason.TEMPLATE_UNAPPROVED, rule=rule)
    broken_rule = None if required is None else _rule_against(required, template, moment)
    if broken_rule is not None:
        return Block(reason=Reason.TEMPLATE_UNAPPROVED, rule=broken_rule)
    return Proceed(rule=rule)


def _rule_against(required: TemplateRule, template: TemplateFacts, now: datetime) -> str | None:
    """The rule by which an approved template may not be used all the same."""
    if required.max_variables is not None and count_variables(template) > required.max_variables:
        return required.max_variables_rule
    used_at = template.last_used_at or template.approved_at
    # Without a date its status stands: whoever keeps the register disables unused ones.
    if required.unused_for is None or used_at is None:
        return None
    return required.unused_rule if in_utc(used_at) + required.unused_for <= now else None


def count_variables(template: TemplateFacts) -> int:
    """How many places the template leaves open, the header's included; a repeat counts again."""
    return len(VARIABLE.findall(template.header)) + len(VARIABLE.findall(template.body))
