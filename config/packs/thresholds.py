"""Puts together the rates above which a country's senders are suspended."""

from config.packs import values_duties as duties
from config.packs.fields import parse_duration
from config.packs.rules_in_force import RulesInForce
from pipeline.policy.thresholds import Measure, RepeatBan, Threshold


def assemble_thresholds(rules: RulesInForce) -> tuple[Threshold, ...]:
    """Every threshold in force."""
    return tuple(
        Threshold(
            rule=found.rule.id,
            measure=Measure(found.value.measure),
            above=found.value.above_percent or found.value.above_count or 0,
            warn_above=found.value.warn_above_percent,
            within=parse_duration(found.value.within),
            minimum_sample=found.value.minimum_sample or 0,
        )
        for found in rules.all("threshold", duties.ThresholdValue)
    )


def assemble_repeat_ban(rules: RulesInForce) -> RepeatBan | None:
    """What follows from a second suspension; None: nothing does."""
    found = rules.first("sanction", duties.SanctionValue)
    return None if found is None else RepeatBan(rule=found.rule.id, years=found.value.ban_years)
