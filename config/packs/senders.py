"""Puts together what a country asks of senders and templates."""

from collections.abc import Mapping
from datetime import timedelta

from config.packs import values
from config.packs import values_duties as duties
from config.packs.rules_in_force import RulesInForce
from pipeline.policy.sender_rules import HeaderRule, RegistrationRule, Review, TemplateRule
from pipeline.policy.vocabulary import Category


def assemble_registration(rules: RulesInForce) -> RegistrationRule | None:
    """As what a sender is registered; None: the country asks for nothing."""
    found = rules.first("registration", values.RegistrationValue)
    if found is None:
        return None
    field_rules = {
        field: more.rule.id
        for more in rules.all("registration_fields", values.RegistrationFieldsValue)
        for field in more.value.fields
    }
    review = rules.first("registration_review", values.RegistrationReviewValue)
    renewal = rules.first("registration_renewal", values.RenewalValue)
    return RegistrationRule(
        rule=found.rule.id,
        kind=found.value.registration,
        fields=tuple(dict.fromkeys((*found.value.fields, *field_rules))),
        channels=frozenset(found.value.channels),
        field_rules=field_rules,
        review=None if review is None else _review(review.value),
        renewal_rule=None if renewal is None else renewal.rule.id,
        renewal_months=None if renewal is None else renewal.value.months_before,
    )


def _review(value: values.RegistrationReviewValue) -> Review:
    if value.days is not None:
        return Review(days=value.days, working=False)
    return Review(days=value.working_days or 0, working=True)


def assemble_template(rules: RulesInForce) -> TemplateRule | None:
    """What a template is, and whether there must be one; None: the country asks for nothing.

    The first rule of the kind is the one that is reported; what it leaves open, the others say.
    """
    all_rules = list(rules.all("template", values.TemplateValue))
    if not all_rules:
        return None
    first = all_rules[0]
    variables = rules.first("template_variables", values.MaximumValue)
    unused = rules.first("template_unused", values.DaysValue)
    length = next(
        (
            found
            for found in rules.all("content_length", duties.ContentLengthValue)
            if not found.value.recommended
        ),
        None,
    )
    advising = next((found for found in all_rules if found.value.advised_templates), None)
    return TemplateRule(
        rule=first.rule.id,
        required=first.value.required,
        max_variables=None if variables is None else variables.value.maximum,
        max_variables_rule=None if variables is None else variables.rule.id,
        max_length=None if length is None else length.value.maximum,
        max_length_rule=None if length is None else length.rule.id,
        unused_for=None if unused is None else timedelta(days=unused.value.days),
        unused_rule=None if unused is None else unused.rule.id,
        match_rule=first.rule.id,
        advised=None if advising is None else min(advising.value.advised_templates or ()),
        advised_rule=None if advising is None else advising.rule.id,
        review=next(
            (_longest(found.value) for found in all_rules if found.value.working_days), None
        ),
    )


def _longest(value: values.TemplateValue) -> Review:
    return Review(days=max(value.working_days or ()), working=True)


def assemble_headers(rules: RulesInForce) -> Mapping[Category, HeaderRule]:
    """By category, the header of its registered business that a message has to show."""
    return {
        category: HeaderRule(rule=found.rule.id, characters=found.value.characters)
        for category in Category
        if (found := rules.first("content_header", duties.CharactersValue, category)) is not None
    }


def assemble_safeguards(rules: RulesInForce) -> tuple[str, ...]:
    """What allows data to leave the pack's countries; any one of them is enough."""
    found = rules.first("data_transfer", duties.DataTransferValue)
    return () if found is None else tuple(found.value.safeguards)
