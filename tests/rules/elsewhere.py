"""Rules that decide about a sender, a reply or a record, not about one message: their tests."""

from collections.abc import Mapping

_POLICIES = "tests/unit/config/test_policies.py"
_QUOTA = "tests/unit/policy/test_quota.py"
_THRESHOLDS = "tests/integration/stages/test_thresholds.py"
_LEAVING = f"{_POLICIES}::test_leaving"
_WORDS = "tests/unit/policy/replies/test_natural_replies.py"
_COUNTRYS_WORDS = f"{_WORDS}::test_the_countrys_own_words_count_as_whole_replies"
_CONFIRMED = (
    "tests/integration/workers/lane/test_lane.py"
    "::test_a_stop_is_confirmed_once_by_the_sender_that_received_it"
)
_DEADLINE = (
    "tests/integration/store/test_optout_report.py::test_a_deadline_that_was_broken_is_found"
)
_REVIEW = "tests/unit/policy/test_registration.py"

ELSEWHERE: Mapping[str, str] = {
    "gl_audit_trail": "tests/integration/cli/test_senders.py"
    "::test_an_operator_suspends_and_a_file_does_not_undo_it",
    "gl_optout_deadline": _DEADLINE,
    "us_optout_sla": _DEADLINE,
    "br_optout_sla": _DEADLINE,
    "us_optout_keyword": _LEAVING,
    "br_optout_keyword": _LEAVING,
    "us_optout_words": _COUNTRYS_WORDS,
    "br_optout_words": _COUNTRYS_WORDS,
    "eu_optout_words": _COUNTRYS_WORDS,
    "in_optout_words": _COUNTRYS_WORDS,
    "pe_optout_words": _COUNTRYS_WORDS,
    "us_optout_confirmation": _CONFIRMED,
    "br_optout_confirmation": _CONFIRMED,
    "eu_optout_confirmation": _CONFIRMED,
    "in_optout_confirmation": _CONFIRMED,
    "pe_optout_confirmation": _CONFIRMED,
    "us_daily_volume_high_trust": f"{_POLICIES}::test_quotas_go_by_tier",
    "br_daily_volume_standard": f"{_QUOTA}"
    "::test_a_tier_that_comes_with_time_counts_as_new_until_then",
    "br_daily_volume_mature": f"{_QUOTA}"
    "::test_a_tier_that_comes_with_time_counts_as_new_until_then",
    "us_reg_review_time": f"{_REVIEW}::test_calendar_days_are_counted_as_they_come",
    "br_reg_review_time": f"{_REVIEW}::test_working_days_leave_out_weekends_and_holidays",
    "in_reg_total_time": f"{_REVIEW}::test_working_days_leave_out_weekends_and_holidays",
    "us_optout_rate": f"{_THRESHOLDS}"
    "::test_opt_outs_above_the_rate_suspend_once_and_say_what_was_seen",
    "us_noncompliance_rate": f"{_THRESHOLDS}::test_violations_warn_before_they_suspend",
    "br_complaints_blacklist": f"{_THRESHOLDS}"
    "::test_the_fourth_complaint_in_thirty_days_suspends_a_brazilian_sender",
    "in_complaint_rate": "tests/unit/policy/test_thresholds.py"
    "::test_a_sender_stands_where_its_counts_put_it",
    "in_repeat_ban": f"{_THRESHOLDS}"
    "::test_a_second_offence_in_india_takes_every_sender_of_the_business",
}
