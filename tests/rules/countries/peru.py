"""The rules of Peru."""

from collections.abc import Sequence

from tests.rules.changes import (
    Case,
    campaign,
    granted_ago,
    left,
    prefers,
    replaced,
    together,
    without_consent,
)

CASES: Sequence[Case] = (
    Case(
        rule="pe_consent_explicit_prior",
        country="PE",
        failing=without_consent,
        reason="no_consent",
    ),
    Case(
        rule="pe_consent_max_age",
        country="PE",
        passing=granted_ago(180),
        failing=granted_ago(190),
        reason="consent_expired",
    ),
    *(
        Case(
            rule=rule,
            told="pe_consent_explicit_prior",
            quiet=True,
            country="PE",
            failing=without_consent,
            reason="no_consent",
        )
        for rule in ("pe_consent_registry", "pe_cmp_all_channels")
    ),
    Case(
        rule="pe_feedback_continuous",
        country="PE",
        passing=prefers(topics="shoes"),
        failing=prefers(topics="hats"),
        reason="topic_mismatch",
    ),
    Case(
        rule="pe_optout_simple_effective",
        told="",
        quiet=True,
        country="PE",
        failing=left,
        reason="suppressed",
    ),
    Case(
        rule="pe_interest_match",
        country="PE",
        passing=campaign(topic="HATS"),
        failing=campaign(topic="masters"),
        reason="topic_mismatch",
    ),
    Case(
        rule="pe_interest_match",
        country="PE",
        failing=lambda paper: paper.campaign.pop("topic"),
        reason="topic_mismatch",
    ),
    Case(
        rule="pe_optout_each_message",
        country="PE",
        failing=replaced("Responda BAJA para no recibir más.", "Le esperamos."),
        reason="content_opt_out_missing",
    ),
    Case(
        rule="pe_value_based",
        country="PE",
        failing=replaced(", {name}", ""),
        outcome="warn",
    ),
    Case(
        rule="pe_segmentation_behavioural",
        country="PE",
        failing=together(
            replaced("{name}", "{edad}"), lambda paper: paper.recipients[0].update(edad="44")
        ),
        outcome="warn",
    ),
)
