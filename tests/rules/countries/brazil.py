"""The rules of Brazil."""

from collections.abc import Sequence

from tests.rules.changes import (
    DAY,
    HOUR,
    NO_EVIDENCE,
    Case,
    approved_ago,
    campaign,
    consent,
    content,
    crowd,
    granted_ago,
    local,
    registration,
    replaced,
    sent,
    together,
    transactional,
    without_consent,
)

ON_ITS_WAY = "Casa Azul: seu pedido 1234 foi enviado, {name}."

CASES: Sequence[Case] = (
    Case(
        rule="br_consent_marketing",
        country="BR",
        failing=without_consent,
        reason="no_consent",
    ),
    Case(
        rule="br_double_opt_in",
        country="BR",
        failing=consent(confirmed_at=""),
        reason="consent_unconfirmed",
    ),
    Case(
        rule="br_consent_evidence",
        country="BR",
        failing=consent(ip=""),
        reason=NO_EVIDENCE,
    ),
    Case(
        rule="br_consent_evidence",
        country="BR",
        failing=consent(cpf="529.982.247-26"),
        reason="consent_invalid",
    ),
    Case(
        rule="br_consent_transactional",
        told="br_consent_marketing",
        quiet=True,
        country="BR",
        passing=transactional(ON_ITS_WAY),
        failing=without_consent,
        reason="no_consent",
    ),
    Case(
        rule="br_consent_public_service",
        told="br_consent_marketing",
        quiet=True,
        country="BR",
        passing=transactional("Casa Azul: a vacinação começa amanhã, {name}.", "public_service"),
        failing=without_consent,
        reason="no_consent",
    ),
    Case(
        rule="br_window_transactional",
        told="br_window_marketing",
        quiet=True,
        country="BR",
        passing=together(transactional(ON_ITS_WAY), local("2026-11-22T03:00")),
        failing=local("2026-11-22T03:00"),
        outcome="defer",
        reason="window_closed",
        until=30 * HOUR,
    ),
    Case(
        rule="br_freq_transactional",
        told="br_freq_marketing",
        quiet=True,
        country="BR",
        passing=together(transactional(ON_ITS_WAY), sent(*(day * DAY for day in range(1, 9)))),
        failing=sent(*(day * DAY for day in range(1, 9))),
        outcome="defer",
        reason="frequency_cap",
    ),
    Case(
        rule="br_window_marketing",
        country="BR",
        passing=local("2026-11-18T09:00"),
        failing=local("2026-11-22T11:00"),  # a Sunday
        outcome="defer",
        reason="window_closed",
        until=22 * HOUR,
    ),
    Case(
        rule="br_window_marketing",
        country="BR",
        passing=local("2026-11-18T19:59"),
        failing=local("2026-11-19T20:00"),  # Friday is a holiday
        outcome="defer",
        reason="window_closed",
        until=3 * DAY + 13 * HOUR,
    ),
    Case(
        rule="br_window_public_service",
        country="BR",
        passing=transactional("Casa Azul: a vacinação começa amanhã, {name}.", "public_service"),
        failing=together(
            transactional("Casa Azul: a vacinação começa amanhã, {name}.", "public_service"),
            local("2026-11-18T09:30"),
        ),
        outcome="defer",
        reason="window_closed",
        until=HOUR / 2,
    ),
    Case(
        rule="br_holidays_optional",
        quiet=True,
        told="br_window_marketing",
        country="BR",
        passing=together(
            local("2026-02-18T11:00"),
            lambda paper: paper.campaign.update(expires_at=paper.at + 30 * DAY),
            granted_ago(10),
            approved_ago(400),
        ),
        failing=together(
            local("2026-02-16T11:00"),  # Monday of Carnival
            lambda paper: paper.campaign.update(expires_at=paper.at + 30 * DAY),
            granted_ago(10),
            approved_ago(400),
        ),
        outcome="defer",
        reason="window_closed",
        until=46 * HOUR,
    ),
    Case(
        rule="br_freq_marketing",
        country="BR",
        passing=sent(*(day * DAY for day in (2, 3, 4))),
        failing=sent(*(day * DAY for day in (2, 3, 4, 5))),
        outcome="defer",
        reason="frequency_cap",
    ),
    Case(
        rule="br_freq_public_service",
        country="BR",
        passing=together(
            transactional("Casa Azul: a vacinação começa amanhã.", "public_service"), sent(DAY)
        ),
        failing=together(
            transactional("Casa Azul: a vacinação começa amanhã.", "public_service"),
            sent(DAY, 2 * DAY),
        ),
        outcome="defer",
        reason="frequency_cap",
    ),
    Case(
        rule="br_daily_volume_new",
        country="BR",
        passing=crowd(999, "new"),
        failing=crowd(1000, "new"),
        outcome="defer",
        reason="daily_quota",
    ),
    Case(
        rule="br_daily_volume_new",
        country="BR",
        passing=crowd(1000, "high"),
        quiet=True,  # the mature sender's quota holds
        failing=together(crowd(1000, "high"), approved_ago(60)),
        outcome="defer",
        reason="daily_quota",
    ),
    Case(
        rule="br_reg_operator",
        country="BR",
        failing=registration(cnpj="11.222.333/0001-82"),
        reason="sender_unregistered",
    ),
    Case(
        rule="br_reg_operator",
        country="BR",
        failing=registration(template=None),
        reason="sender_unregistered",
    ),
    Case(
        rule="br_first_msg_brand_and_exit",
        country="BR",
        passing=together(replaced("Casa Azul: ", ""), sent(40 * DAY)),
        failing=replaced("Casa Azul: ", ""),
        reason="content_brand_missing",
    ),
    Case(
        rule="br_optout_option_all",
        country="BR",
        failing=replaced("Responda SAIR para cancelar", "Responda OBRIGADO"),
        reason="content_opt_out_missing",
    ),
    Case(
        rule="br_tx_no_promo",
        country="BR",
        passing=transactional("Casa Azul: seu pedido 1234 foi enviado, {name}."),
        failing=transactional(
            "Casa Azul: seu pedido foi enviado. Use o cupom VOLTA10 e ganhe 10% de desconto!"
        ),
        reason="content_promotion_in_transactional",
    ),
    Case(
        rule="br_length_marketing",
        country="BR",
        failing=replaced("{name}", "{name} " + "e toda a família " * 20),
        outcome="warn",
        reason="content_too_long",
    ),
    Case(
        rule="br_length_transactional",
        country="BR",
        passing=transactional("Casa Azul: seu pedido 1234 foi enviado, {name}."),
        failing=transactional("Casa Azul: seu pedido 1234 foi enviado. " + "Ele vai bem. " * 12),
        outcome="warn",
        reason="content_too_long",
    ),
    Case(
        rule="br_length_public_service",
        country="BR",
        passing=transactional("Casa Azul: a vacinação começa amanhã, {name}.", "public_service"),
        failing=transactional("Casa Azul: a vacinação começa amanhã. " * 14, "public_service"),
        outcome="warn",
        reason="content_too_long",
    ),
    Case(
        rule="br_language",
        country="BR",
        failing=together(
            transactional(
                "Casa Azul: your order has been sent and will arrive tomorrow morning at your door."
            ),
        ),
        passing=transactional("Casa Azul: seu pedido foi enviado e chega amanhã de manhã."),
        reason="content_language",
    ),
    Case(
        rule="br_language",
        country="BR",
        failing=campaign(language="es-PE"),
        reason="content_language",
    ),
    Case(
        rule="br_no_machine_translation",
        country="BR",
        failing=content(machine_translated=True),
        reason="content_machine_translated",
    ),
    Case(
        rule="br_language_error_rate",
        country="BR",
        failing=replaced(
            "15% de desconto em toda a loja", "15% de descomto em todda a logja con presus ottimus"
        ),
        outcome="warn",
    ),
)
