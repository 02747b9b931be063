"""Which rules are enforced: the answer is a list, and changing it is a decision somebody reads."""

from importlib.util import find_spec

import pytest

from config.packs.enforcement import ENFORCED_KINDS, LATER_KINDS
from config.packs.kinds import KINDS
from config.policies import load_policies
from pipeline.policy.country import Rule

ENFORCED = {
    "gl_audit_trail",
    "gl_keep_consent_proof",
    "gl_local_time",
    "gl_no_promo_in_transactional",
    "gl_official_api",
    "gl_only_consented_segment",
    "gl_optout_deadline",
    "gl_optout_in_every_marketing_msg",
    "gl_respect_preferences_on_schedule",
    "br_complaints_blacklist",
    "br_consent_evidence",
    "br_consent_marketing",
    "br_consent_public_service",
    "br_consent_transactional",
    "br_daily_volume_mature",
    "br_daily_volume_new",
    "br_daily_volume_standard",
    "br_double_opt_in",
    "br_first_msg_brand_and_exit",
    "br_freq_marketing",
    "br_freq_public_service",
    "br_freq_transactional",
    "br_holidays_optional",
    "br_language",
    "br_language_error_rate",
    "br_length_marketing",
    "br_length_public_service",
    "br_length_transactional",
    "br_no_machine_translation",
    "br_optout_confirmation",
    "br_optout_keyword",
    "br_optout_option_all",
    "br_optout_sla",
    "br_optout_words",
    "br_reg_operator",
    "br_reg_review_time",
    "br_tx_no_promo",
    "br_window_marketing",
    "br_window_public_service",
    "br_window_transactional",
    "eu_consent_evidence",
    "eu_consent_explicit_prior",
    "eu_consent_wording_explicit",
    "eu_cross_border_transfer",
    "eu_data_minimisation",
    "eu_no_preticked_box",
    "eu_optout_confirmation",
    "eu_optout_words",
    "eu_right_object",
    "in_complaint_rate",
    "in_consent_evidence",
    "in_freq_daily",
    "in_header_6_chars",
    "in_holiday_reduce_freq",
    "in_licence_renewal",
    "in_optout_confirmation",
    "in_optout_words",
    "in_reg_entity_docs",
    "in_reg_entity_required",
    "in_reg_number_binding",
    "in_reg_template",
    "in_reg_total_time",
    "in_repeat_ban",
    "in_template_max_len",
    "in_template_max_vars",
    "in_template_one_per_content",
    "in_template_preapproved",
    "in_template_promo_optout",
    "in_template_unused_30d",
    "in_window_commercial",
    "pe_cmp_all_channels",
    "pe_consent_explicit_prior",
    "pe_consent_max_age",
    "pe_consent_registry",
    "pe_feedback_continuous",
    "pe_interest_match",
    "pe_optout_confirmation",
    "pe_optout_each_message",
    "pe_optout_simple_effective",
    "pe_optout_words",
    "pe_segmentation_behavioural",
    "pe_value_based",
    "us_consent_evidence",
    "us_consent_express_written",
    "us_content_identification",
    "us_content_optout_instruction",
    "us_content_support_contact",
    "us_daily_volume_high_trust",
    "us_daily_volume_new",
    "us_daily_volume_standard",
    "us_freq_promo",
    "us_noncompliance_rate",
    "us_number_user_provided",
    "us_offline_consent",
    "us_optout_confirmation",
    "us_optout_keyword",
    "us_optout_rate",
    "us_optout_sla",
    "us_optout_words",
    "us_promo_expiry",
    "us_promo_offer_terms",
    "us_reg_10dlc",
    "us_reg_review_time",
    "us_tx_no_consent",
    "us_tx_no_marketing",
    "us_window_promo",
}
LATER = {
    "br_best_hours",
    "br_consent_retention",
    "br_fine_per_infraction",
    "br_fine_unregistered_msg",
    "br_msg_cost",
    "br_reg_cost",
    "eu_erase_after_optout",
    "eu_fine_general",
    "eu_fine_transfer",
    "eu_right_access",
    "eu_right_erasure",
    "eu_storage_limitation",
    "in_benchmarks",
    "in_consent_retention",
    "in_fine_unregistered",
    "in_reg_entity_time",
    "in_reg_logo",
    "in_reg_total_cost",
    "in_self_assessment",
    "pe_ai_monitoring",
    "pe_audit_calendar",
    "pe_consent_lifecycle",
    "pe_continuous_monitoring",
    "pe_culture",
    "pe_dashboard_realtime",
    "pe_governance_policy",
    "pe_onboarding",
    "pe_predictive_consent",
    "pe_privacy_policy",
    "pe_sanctions",
    "pe_training",
    "us_ctr_bench",
    "us_delivery_bench",
    "us_fine_per_message",
    "us_reg_cost",
    "us_route_cost",
    "us_support_response",
}


def every_rule() -> list[Rule]:
    return [rule for pack in load_policies().packs() for rule in pack.rules]


def test_every_kind_is_enforced_or_waits_and_never_both() -> None:
    assert not ENFORCED_KINDS.keys() & LATER_KINDS.keys()
    assert ENFORCED_KINDS.keys() | LATER_KINDS.keys() == KINDS.keys()


def test_every_rule_of_every_pack_is_in_one_of_the_lists() -> None:
    rules = every_rule()
    assert {rule.id for rule in rules if rule.kind in ENFORCED_KINDS} == ENFORCED
    assert {rule.id for rule in rules if rule.kind in LATER_KINDS} == LATER


@pytest.mark.parametrize("module", sorted(set(ENFORCED_KINDS.values())))
def test_the_module_that_enforces_a_kind_exists(module: str) -> None:
    assert find_spec(module) is not None


def test_every_rule_tells_its_source_and_every_choice_its_reason() -> None:
    for rule in every_rule():
        assert rule.summary.endswith("."), rule.id
        assert rule.source, rule.id
        if rule.source == "project decision":
            assert rule.reason, rule.id
