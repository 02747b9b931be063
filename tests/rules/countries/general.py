"""The rules that hold in every country."""

from collections.abc import Sequence

from tests.rules.changes import (
    HOUR,
    NO_EVIDENCE,
    Case,
    consent,
    number,
    prefers,
    replaced,
    sender,
    transactional,
    without_consent,
)

CASES: Sequence[Case] = (
    Case(
        rule="gl_official_api",
        country="US",
        failing=sender(official=False),
        outcome="warn",
    ),
    Case(
        rule="gl_respect_preferences_on_schedule",
        country="ES",
        passing=prefers(channels="sms;whatsapp"),
        failing=prefers(channels="whatsapp"),
        reason="channel_not_allowed",
    ),
    Case(
        rule="gl_respect_preferences_on_schedule",
        country="ES",
        passing=prefers(topics="shoes"),
        failing=prefers(topics="hats"),
        reason="topic_mismatch",
    ),
    Case(
        rule="gl_respect_preferences_on_schedule",
        country="ES",
        passing=prefers(hours="every-day 10:00-13:00"),
        failing=prefers(hours="every-day 18:00-20:00"),
        outcome="defer",
        reason="window_closed",
        until=7 * HOUR,  # the Canaries, where the number may be as well
    ),
    Case(
        rule="gl_only_consented_segment",
        told="eu_consent_explicit_prior",
        quiet=True,
        country="ES",
        failing=without_consent,
        reason="no_consent",
    ),
    Case(
        rule="gl_keep_consent_proof",
        told="us_consent_evidence",
        quiet=True,
        country="US",
        failing=consent(signature="", ip=""),
        reason=NO_EVIDENCE,
    ),
    Case(
        rule="gl_local_time",
        told="us_window_promo",
        quiet=True,
        country="US",
        # Noon in New York; where a free-phone number is nobody knows, and Honolulu has seven.
        failing=number("+18005550123"),
        outcome="defer",
        reason="window_closed",
        until=HOUR,
    ),
    Case(
        rule="gl_no_promo_in_transactional",
        told="us_tx_no_marketing",
        quiet=True,
        country="US",
        passing=transactional("Casa Azul: your order 1234 is on its way, {name}."),
        failing=transactional("Casa Azul: your order 1234 is on its way. 20% off all shoes today!"),
        reason="content_promotion_in_transactional",
    ),
    Case(
        rule="gl_optout_in_every_marketing_msg",
        country="ES",
        failing=replaced("Responda BAJA para no recibir más.", "Le esperamos."),
        reason="content_opt_out_missing",
    ),
)
