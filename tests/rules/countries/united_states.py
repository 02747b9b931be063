"""The rules of the United States."""

from collections.abc import Sequence

from tests.rules.changes import (
    DAY,
    HOUR,
    MINUTE,
    NO_EVIDENCE,
    Case,
    consent,
    crowd,
    local,
    registration,
    replaced,
    sent,
    together,
    transactional,
    without_consent,
)

CASES: Sequence[Case] = (
    Case(
        rule="us_consent_express_written",
        country="US",
        failing=without_consent,
        reason="no_consent",
    ),
    Case(
        rule="us_number_user_provided",
        country="US",
        failing=consent(pre_ticked="true"),
        reason="consent_invalid",
    ),
    *(
        Case(
            rule="us_consent_evidence",
            country="US",
            failing=consent(**{name: ""}),
            reason=NO_EVIDENCE,
        )
        for name in ("signature", "ip")
    ),
    Case(
        rule="us_offline_consent",
        country="US",
        passing=consent(method="paper", ip="", document_ref="scan-1"),
        failing=consent(method="paper", ip=""),
        reason=NO_EVIDENCE,
    ),
    Case(
        rule="us_content_optout_instruction",
        country="US",
        failing=replaced("Reply STOP to leave", "Reply PLEASE to leave"),
        reason="content_opt_out_missing",
    ),
    Case(
        rule="us_content_identification",
        country="US",
        passing=together(
            replaced(
                "Promotional message from Casa Azul:", "Casa Azul: Msg & Data rates may apply."
            ),
            lambda paper: paper.campaign["disclosures"].update(
                identification="Msg & Data rates may apply"
            ),
        ),
        failing=together(
            replaced("Promotional message from Casa Azul: ", ""),
            replaced("Help:", "Promotional message. Help:"),
        ),
        reason="content_identification_missing",
    ),
    Case(
        rule="us_promo_offer_terms",
        country="US",
        failing=replaced("15% off all shoes", "great things"),
        reason="content_offer_terms_missing",
    ),
    Case(
        rule="us_promo_expiry",
        country="US",
        failing=replaced("until Nov 30", "for you"),
        reason="content_offer_expiry_missing",
    ),
    Case(
        rule="us_content_support_contact",
        country="US",
        passing=together(
            replaced("help@casaazul.example", "+1 800 356 9377"),
            lambda paper: paper.campaign["disclosures"].update(support="+1 800 356 9377"),
        ),
        failing=replaced("help@casaazul.example", "our shop"),
        reason="content_support_missing",
    ),
    Case(
        rule="us_tx_no_consent",
        quiet=True,
        told="us_consent_express_written",
        country="US",
        passing=transactional("Casa Azul: your order 1234 is on its way, {name}."),
        failing=without_consent,
        reason="no_consent",
    ),
    Case(
        rule="us_tx_no_marketing",
        country="US",
        passing=transactional("Casa Azul: your order 1234 is on its way, {name}."),
        failing=transactional(
            "Casa Azul: your order 1234 is on its way. Use code SAVE10 for 10% off your next order!"
        ),
        reason="content_promotion_in_transactional",
    ),
    Case(
        rule="us_window_promo",
        country="US",
        passing=local("2026-11-18T08:00"),
        failing=local("2026-11-18T07:59"),
        outcome="defer",
        reason="window_closed",
        until=MINUTE,
    ),
    Case(
        rule="us_window_promo",
        country="US",
        passing=local("2026-11-18T20:59"),
        failing=local("2026-11-18T21:00"),
        outcome="defer",
        reason="window_closed",
        until=11 * HOUR,
    ),
    Case(
        rule="us_freq_promo",
        country="US",
        passing=sent(2 * DAY, 3 * DAY, 31 * DAY),
        failing=sent(2 * DAY, 3 * DAY, 31 * DAY - HOUR),
        outcome="defer",
        reason="frequency_cap",
        until=HOUR,
    ),
    Case(
        rule="us_reg_10dlc",
        country="US",
        failing=registration(status="submitted", approved_at=None),
        reason="sender_unregistered",
    ),
    *(
        Case(
            rule="us_reg_10dlc",
            country="US",
            failing=registration(**{name: None}),
            reason="sender_unregistered",
        )
        for name in ("tax_id", "industry", "template")
    ),
    Case(
        rule="us_daily_volume_standard",
        country="US",
        passing=crowd(1500, "standard"),
        failing=crowd(10_000, "standard"),
        outcome="defer",
        reason="daily_quota",
    ),
    Case(
        rule="us_daily_volume_new",
        country="US",
        passing=crowd(499, "new"),
        failing=crowd(500, "new"),
        outcome="defer",
        reason="daily_quota",
    ),
)
