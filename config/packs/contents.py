"""Puts a country's demands on texts together, category by category."""

from collections.abc import Mapping
from typing import Any

from config.packs import values
from config.packs import values_duties as duties
from config.packs.rules_in_force import Found, RulesInForce
from pipeline.policy.content.rules import ContentRules
from pipeline.policy.vocabulary import Category


def assemble_contents(
    rules: RulesInForce, *, length_blocks: bool
) -> Mapping[Category, ContentRules]:
    """The demands on the texts of each category.

    Args:
        length_blocks: whether a text longer than recommended is not sent; else it is warned of.
    """
    return {
        category: ContentRules(
            **_opt_out(rules, category),
            **_identity(rules, category),
            **_statements(rules, category),
            **_promotion(rules, category),
            **_length(rules, category, length_blocks=length_blocks),
            **_language(rules, category),
            **_person(rules, category),
        )
        for category in Category
    }


def _id(found: Found[Any] | None) -> str | None:
    return None if found is None else found.rule.id


def _opt_out(rules: RulesInForce, category: Category) -> dict[str, Any]:
    """A brand rule that asks for a way to leave as well is enough where nothing else does."""
    found = rules.first("content_opt_out", duties.ContentOptOutValue, category)
    if found is None:
        brand = rules.first("content_brand", duties.ContentBrandValue, category)
        asks = brand is not None and brand.value.with_opt_out
        return {"opt_out_rule": _id(brand) if asks else None}
    return {"opt_out_rule": found.rule.id, "opt_out_words": tuple(found.value.words)}


def _identity(rules: RulesInForce, category: Category) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    says = rules.first("content_identification", duties.ContentIdentificationValue, category)
    if says is not None:
        answer |= {
            "identification_rule": says.rule.id,
            "identifications": tuple(says.value.any_of),
            "identification_first": says.value.position == "start",
        }
    brand = rules.first("content_brand", duties.ContentBrandValue, category)
    if brand is not None:
        answer |= {
            "brand_rule": brand.rule.id,
            "brand_first_only": brand.value.first_message_only,
        }
    return answer


def _statements(rules: RulesInForce, category: Category) -> dict[str, Any]:
    return {
        f"{name}_rule": _id(rules.first(f"content_{name}", values.NoValue, category))
        for name in ("offer_terms", "offer_expiry", "support", "machine_translation")
    }


def _promotion(rules: RulesInForce, category: Category) -> dict[str, Any]:
    found = rules.first("content_promotion", duties.ContentPromotionValue, category)
    if found is None:
        return {}
    return {
        "promotion_rule": found.rule.id,
        "promotion_forbids": frozenset(found.value.forbidden),
    }


def _length(rules: RulesInForce, category: Category, *, length_blocks: bool) -> dict[str, Any]:
    found = rules.first("content_length", duties.ContentLengthValue, category)
    if found is None:
        return {}
    recommended = found.value.recommended
    return {
        "length_rule": found.rule.id,
        "longest": found.value.maximum,
        "length_blocks": length_blocks if recommended else found.rule.action == "block",
    }


def _language(rules: RulesInForce, category: Category) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    language = rules.first("content_language", duties.ContentLanguageValue, category)
    if language is not None:
        answer |= {
            "language_rule": language.rule.id,
            "languages": tuple(language.value.languages),
            "languages_tolerated": tuple(language.value.tolerated),
        }
    errors = rules.first("content_error_rate", duties.PercentValue, category)
    if errors is not None:
        answer |= {
            "error_rate_rule": errors.rule.id,
            "error_rate": errors.value.above_percent,
            "error_rate_blocks": errors.rule.action == "block",
        }
    return answer


def _person(rules: RulesInForce, category: Category) -> dict[str, Any]:
    """What the text shows of its reader, and whether it is written for them."""
    data = rules.first("data_minimisation", duties.DataMinimisationValue, category)
    practices = {
        found.value.check: found.rule.id
        for found in rules.all("content_practice", duties.ContentPracticeValue)
        if category in found.rule.categories
    }
    return {
        "personal_data_rule": _id(data),
        "personal_data": () if data is None else tuple(data.value.forbidden),
        "personal_rule": practices.get("personal"),
        "demographic_rule": practices.get("not_demographic"),
    }
