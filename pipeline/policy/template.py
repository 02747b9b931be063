"""Whether a registered template may be used for a campaign in the recipient's country."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from pipeline.policy.checks import Check, blocked, passed, warned
from pipeline.policy.country import CountryPolicy
from pipeline.policy.instants import in_utc
from pipeline.policy.registration import expected_approval
from pipeline.policy.rendering import VARIABLE
from pipeline.policy.sender_rules import TemplateRule
from pipeline.policy.vocabulary import Category, Channel, Question, Reason, RegistrationStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateFacts:
    """What is known of a template; one that is named and not known is a ``draft``.

    Attributes:
        header, body: its text, with variables as ``{name}``.
        language: its tag; empty: unknown.
        business, country, channel, category: whose and what for it was registered; None: unknown.
        submitted_at, approved_at, last_used_at: aware; None is unknown.
    """

    id: str
    status: RegistrationStatus
    header: str = ""
    body: str = ""
    language: str = ""
    business: str | None = None
    country: str | None = None
    channel: Channel | None = None
    category: Category | None = None
    machine_translated: bool = False
    submitted_at: datetime | None = None
    approved_at: datetime | None = None
    last_used_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateUse:
    """What a campaign wants of a template."""

    business: str
    channel: Channel
    category: Category
    language: str


def check_template(
    policy: CountryPolicy,
    template: TemplateFacts | None,
    use: TemplateUse,
    *,
    approved: int | None = None,
    now: datetime,
) -> tuple[Check, ...]:
    """Everything that is asked of the template, apart from the text being an instance of it.

    Where the country sends only through approved templates, none is a block. Everywhere a
    template that is named must be approved, and fit the campaign.

    Args:
        approved: how many approved templates the business has in the country; None: unknown.

    Raises:
        ValueError: an instant is naive.
    """
    moment = in_utc(now)
    required = policy.template
    rule = None if required is None else required.rule
    if template is None:
        if required is not None and required.required:
            return (_refused(rule, named=None),)
        return (passed(Question.TEMPLATE, rule),)
    standing = _standing(policy, template, moment) or _misfit(policy, template, use)
    first = _refused(rule, **standing) if standing else passed(Question.TEMPLATE, rule)
    if required is None:
        return (first,)
    return (first, *_check_shape(required, template, moment), *_check_stock(required, approved))


def _refused(rule: str | None, **saw: object) -> Check:
    return blocked(Question.TEMPLATE, rule, Reason.TEMPLATE_UNAPPROVED, **saw)


def _standing(policy: CountryPolicy, template: TemplateFacts, now: datetime) -> dict[str, object]:
    """What keeps the template from being approved now; nothing: it is."""
    if template.status is not RegistrationStatus.APPROVED:
        told: dict[str, object] = {"status": template.status.value}
        expected = expected_approval(
            template.status,
            template.submitted_at,
            None if policy.template is None else policy.template.review,
            holidays=policy.holidays,
        )
        return told if expected is None else told | {"expected_on": expected.isoformat()}
    if template.approved_at is not None and in_utc(template.approved_at) > now:
        return {"approved_at": in_utc(template.approved_at).isoformat()}
    return {}


def _misfit(policy: CountryPolicy, template: TemplateFacts, use: TemplateUse) -> dict[str, object]:
    """What the template was registered for, where the campaign wants something else."""
    pairs: list[tuple[str, str | None, str]] = [
        ("business", template.business, use.business),
        ("channel", template.channel, use.channel),
        ("category", template.category, use.category),
        ("language", _primary(template.language), _primary(use.language) or ""),
    ]
    # Elsewhere a template belongs to the provider's account, whatever the country.
    if policy.template is not None and policy.template.required:
        pairs.append(("country", template.country, policy.country))
    return {
        name: registered
        for name, registered, wanted in pairs
        if registered is not None and registered != wanted
    }


def _primary(tag: str) -> str | None:
    """The language of a tag without its region: templates are kept as ``en`` or as ``en_US``."""
    return tag.replace("_", "-").partition("-")[0].casefold() or None


def _check_shape(required: TemplateRule, template: TemplateFacts, now: datetime) -> Iterator[Check]:
    """The rules by which an approved template may not be used all the same."""
    if required.max_variables is not None:
        variables = count_variables(template)
        yield (
            passed(Question.TEMPLATE, required.max_variables_rule)
            if variables <= required.max_variables
            else _refused(required.max_variables_rule, variables=variables)
        )
    if required.max_length is not None:
        length = len(template.header) + len(template.body)
        yield (
            passed(Question.TEMPLATE, required.max_length_rule)
            if length <= required.max_length
            else _refused(required.max_length_rule, characters=length)
        )
    if required.unused_for is not None:
        yield _check_use(required, template, now)


def _check_use(required: TemplateRule, template: TemplateFacts, now: datetime) -> Check:
    rule = required.unused_rule
    known = [in_utc(at) for at in (template.last_used_at, template.approved_at) if at is not None]
    # Without a date its status stands: whoever keeps the register disables unused ones.
    if required.unused_for is None or not known or max(known) + required.unused_for > now:
        return passed(Question.TEMPLATE, rule)
    return _refused(rule, unused_since=max(known).isoformat())


def _check_stock(required: TemplateRule, approved: int | None) -> Iterator[Check]:
    if required.advised is None or approved is None:
        return
    if approved < required.advised:
        saw = {"approved": approved, "advised": required.advised}
        yield warned(Question.TEMPLATE, required.advised_rule, None, **saw)
    else:
        yield passed(Question.TEMPLATE, required.advised_rule)


def count_variables(template: TemplateFacts) -> int:
    """How many places the template leaves open, the header's included; a repeat counts again."""
    return len(VARIABLE.findall(template.header)) + len(VARIABLE.findall(template.body))
