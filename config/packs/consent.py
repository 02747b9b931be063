"""Puts a country's consent rules together, category by category."""

from collections.abc import Mapping

from config.packs import values
from config.packs.rules_in_force import Found, RulesInForce
from pipeline.policy.country import ConsentRule
from pipeline.policy.vocabulary import Category
from pipeline.policy.wording import normalise_wording


def assemble_consents(rules: RulesInForce) -> Mapping[Category, ConsentRule]:
    """The consent rule of each category that asks for a consent."""
    consents = {}
    for category in Category:
        asked = rules.first("consent", values.ConsentValue, category)
        if asked is not None and asked.value.required:
            consents[category] = _consent_rule(rules, asked, category)
    return consents


def _consent_rule(
    rules: RulesInForce, asked: Found[values.ConsentValue], category: Category
) -> ConsentRule:
    evidence = rules.first("consent_evidence", values.EvidenceValue, category)
    offline = rules.first("consent_offline_evidence", values.OfflineEvidenceValue, category)
    age = rules.first("consent_age", values.AgeValue, category)
    wording = rules.first("consent_wording", values.WordingValue, category)
    # A pack that asks only for evidence asks for a consent by it: the general rule is vaguer.
    speaks = evidence if evidence is not None and evidence.own and not asked.own else asked
    return ConsentRule(
        rule=speaks.rule.id,
        evidence=() if evidence is None else tuple(evidence.value.fields),
        evidence_rule=_id(evidence),
        offline_evidence=None if offline is None else tuple(offline.value.fields),
        offline_rule=_id(offline),
        double_opt_in_rule=_id(
            rules.first("consent_double_opt_in", values.SecondStepValue, category)
        ),
        max_age_months=None if age is None else age.value.months,
        max_age_rule=_id(age),
        pre_ticked_rule=_id(rules.first("consent_pre_ticked", values.NoValue, category)),
        wording=() if wording is None else _phrases(wording.value),
        wording_negations=() if wording is None else _negations(wording.value),
        wording_rule=_id(wording),
        cpf_rule=_id(evidence) if evidence and evidence.value.cpf_check_digits else None,
        topic_required_rule=_id(rules.first("consent_topic", values.NoValue, category)),
        written_rule=asked.rule.id if asked.value.form == "express_written" else None,
    )


def _id(found: Found[values.Value] | None) -> str | None:
    return None if found is None else found.rule.id


def _phrases(wording: values.WordingValue) -> tuple[str, ...]:
    phrases = (phrase for phrases in wording.phrases.values() for phrase in phrases)
    return tuple(dict.fromkeys(normalise_wording(phrase) for phrase in phrases))


def _negations(wording: values.WordingValue) -> tuple[str, ...]:
    return tuple(normalise_wording(word) for word in wording.negations)
