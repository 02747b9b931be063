"""The rules of India."""

from collections.abc import Sequence

from tests.rules.changes import (
    DAY,
    HOUR,
    MINUTE,
    NO_EVIDENCE,
    Case,
    approved_ago,
    consent,
    granted_ago,
    in_use,
    local,
    own_templates,
    registration,
    replaced,
    sent,
    template,
    together,
    unused_for,
)

CASES: Sequence[Case] = (
    Case(
        rule="in_reg_entity_required",
        country="IN",
        failing=registration(status="submitted", approved_at=None),
        reason="sender_unregistered",
    ),
    *(
        Case(
            rule="in_reg_entity_docs",
            country="IN",
            failing=registration(**{name: None}),
            reason="sender_unregistered",
        )
        for name in ("pan", "address_proof", "director_id")
    ),
    Case(
        rule="in_reg_entity_docs",
        country="IN",
        failing=registration(pan="12345"),
        reason="sender_unregistered",
    ),
    Case(
        rule="in_reg_number_binding",
        country="IN",
        failing=registration(number_bound=False),
        reason="sender_unregistered",
    ),
    Case(
        rule="in_header_6_chars",
        country="IN",
        failing=registration(header="CASAZ"),
        reason="sender_unregistered",
    ),
    Case(
        rule="in_licence_renewal",
        country="IN",
        passing=lambda paper: paper.sender["registration"].update(expires_at=paper.at + DAY),
        failing=lambda paper: paper.sender["registration"].update(expires_at=paper.at),
        reason="sender_unregistered",
    ),
    Case(
        rule="in_reg_template",
        told="in_template_preapproved",
        quiet=True,
        country="IN",
        failing=template(status="rejected", approved_at=""),
        reason="template_unapproved",
    ),
    Case(
        rule="in_template_preapproved",
        country="IN",
        failing=template(status="submitted", approved_at=""),
        reason="template_unapproved",
    ),
    Case(
        rule="in_template_preapproved",
        country="IN",
        failing=lambda paper: paper.campaign["content"].pop("template"),
        reason="template_unapproved",
    ),
    Case(
        rule="in_template_preapproved",
        country="IN",
        failing=lambda paper: paper.template.update(
            body=paper.template["body"].replace("15%", "10%")
        ),
        reason="template_mismatch",
    ),
    Case(
        rule="in_template_one_per_content",
        country="IN",
        passing=own_templates(10),
        failing=own_templates(9),
        outcome="warn",
    ),
    Case(
        rule="in_template_promo_optout",
        country="IN",
        failing=replaced("Reply STOP to unsubscribe.", "See you soon."),
        reason="content_opt_out_missing",
    ),
    Case(
        rule="in_template_max_vars",
        country="IN",
        passing=together(
            replaced("{name}", "{a}{b} {c} {d} {e}"),
            lambda paper: paper.recipients[0].update(dict.fromkeys("abcde", "x")),
        ),
        failing=together(
            replaced("{name}", "{a}{b} {c} {d} {e} {f}"),
            lambda paper: paper.recipients[0].update(dict.fromkeys("abcdef", "x")),
        ),
        reason="template_unapproved",
    ),
    Case(
        rule="in_template_max_len",
        country="IN",
        failing=replaced("{name}", "{name} " + "and a friend " * 80),
        reason="content_too_long",
    ),
    Case(
        rule="in_template_unused_30d",
        country="IN",
        passing=unused_for(29),
        failing=unused_for(30),
        reason="template_unapproved",
    ),
    Case(
        rule="in_window_commercial",
        country="IN",
        passing=local("2026-11-18T09:00"),
        failing=local("2026-11-18T21:00"),
        outcome="defer",
        reason="window_closed",
        until=12 * HOUR,
    ),
    Case(
        rule="in_freq_daily",
        country="IN",
        passing=sent(HOUR, 2 * HOUR, DAY),
        failing=sent(HOUR, 2 * HOUR, DAY - MINUTE),
        outcome="defer",
        reason="frequency_cap",
        until=MINUTE,
    ),
    Case(
        rule="in_holiday_reduce_freq",
        quiet=True,  # on another day the cap itself holds
        country="IN",
        passing=sent(HOUR, 2 * HOUR),
        failing=together(
            local("2026-10-02T12:00"),  # Gandhi's birthday
            lambda paper: paper.campaign.update(expires_at=paper.at + 20 * DAY),
            granted_ago(10),
            approved_ago(100),
            in_use,
            sent(HOUR),
        ),
        outcome="defer",
        reason="frequency_cap",
        until=21 * HOUR,  # at midnight the holiday is over, at nine the window opens
    ),
    Case(
        rule="in_consent_evidence",
        country="IN",
        failing=consent(ip=""),
        reason=NO_EVIDENCE,
    ),
    Case(
        rule="in_consent_evidence",
        country="IN",
        failing=consent(source=""),
        reason=NO_EVIDENCE,
    ),
)
