"""The rules of the European Union, tried in Spain."""

from collections.abc import Sequence

from tests.rules.changes import (
    HOUR,
    NO_EVIDENCE,
    Case,
    consent,
    left,
    replaced,
    sender,
    together,
    without_consent,
)

CASES: Sequence[Case] = (
    Case(
        rule="eu_consent_explicit_prior",
        country="ES",
        failing=without_consent,
        reason="no_consent",
    ),
    Case(
        rule="eu_consent_explicit_prior",
        country="ES",
        failing=lambda paper: paper.consent.update(revoked_at=(paper.at - HOUR).isoformat()),
        reason="consent_revoked",
    ),
    Case(
        rule="eu_right_object",
        told="",
        quiet=True,
        country="ES",
        failing=left,
        reason="suppressed",
    ),
    Case(
        rule="eu_no_preticked_box",
        country="ES",
        failing=consent(pre_ticked="true"),
        reason="consent_invalid",
    ),
    Case(
        rule="eu_consent_wording_explicit",
        country="ES",
        passing=consent(text="Ich stimme zu, Marketingnachrichten zu erhalten."),
        failing=consent(text="Acepto los términos y condiciones."),
        reason="consent_invalid",
    ),
    Case(
        rule="eu_consent_evidence",
        country="ES",
        failing=consent(method=""),
        reason=NO_EVIDENCE,
    ),
    Case(
        rule="eu_consent_evidence",
        country="ES",
        failing=consent(text=""),
        reason=NO_EVIDENCE,
    ),
    Case(
        rule="eu_cross_border_transfer",
        country="ES",
        passing=sender(region="US", transfer_safeguard="standard contractual clauses"),
        failing=sender(region="US"),
        reason="transfer_not_allowed",
    ),
    Case(
        rule="eu_data_minimisation",
        country="ES",
        failing=together(
            replaced("{name}", "{edad}"), lambda paper: paper.recipients[0].update(edad="44")
        ),
        outcome="warn",
    ),
)
