"""Puts together the rates above which a country's senders are suspended."""

from config.packs import values_duties as duties
from config.packs.fields import parse_duration
from config.packs.rules_in_force import RulesInForce
from pipeline.policy.thresholds import Measure, Threshold


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
