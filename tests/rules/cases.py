"""For every rule that decides about a message: what it lets pass, and what it does not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.rules.paper import BUSINESS, Paper

Change = Callable[[Paper], None]

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)

ZONES = {
    "US": "America/New_York",
    "BR": "America/Sao_Paulo",
    "IN": "Asia/Kolkata",
    "PE": "America/Lima",
    "ES": "Europe/Madrid",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One rule's line.

    Attributes:
        passing, failing: what is changed in a world in which everything passes.
        reason: of the failing world; with `outcome` ``warn`` the message goes all the same.
        until: how long the failing message waits; None: not looked at.
        told: the rule that the answer names, where it is another that acts for this one; empty:
            none is named.
        quiet: whether the rule is not among the checks while it lets pass.
    """

    rule: str
    country: str
    failing: Change
    outcome: str = "block"
    reason: str | None = None
    passing: Change | None = None
    until: timedelta | None = None
    told: str | None = None
    quiet: bool = False

    @property
    def name(self) -> str:
        """For the test's id."""
        return f"{self.country}-{self.rule}-{self.reason}"


def nothing(paper: Paper) -> None:
    """Everything as it was."""


def together(*changes: Change) -> Change:
    """One change after another."""

    def change(paper: Paper) -> None:
        for each in changes:
            each(paper)

    return change


def consent(**fields: Any) -> Change:
    """Other fields in the consent."""
    return lambda paper: paper.consent.update(fields)


def without_consent(paper: Paper) -> None:
    """Nobody has agreed to anything."""
    paper.consents = []


def campaign(**fields: Any) -> Change:
    """Other fields in the campaign."""
    return lambda paper: paper.campaign.update(fields)


def content(**fields: Any) -> Change:
    """Other fields in the campaign's content."""
    return lambda paper: paper.campaign["content"].update(fields)


def replaced(old: str, new: str) -> Change:
    """Something else in the text."""

    def change(paper: Paper) -> None:
        body = paper.campaign["content"]["body"]
        assert old in body
        paper.say(body.replace(old, new))

    return change


def transactional(body: str, category: str = "transactional") -> Change:
    """Another sort of message, without a consent."""
    return lambda paper: paper.transactional(body, category)


def sender(**fields: Any) -> Change:
    """Other fields in the sender."""
    return lambda paper: paper.sender.update(fields)


def registration(**fields: Any) -> Change:
    """Other fields in the sender's registration; None removes one."""

    def change(paper: Paper) -> None:
        table = paper.sender["registration"] | fields
        paper.sender["registration"] = {k: v for k, v in table.items() if v is not None}

    return change


def template(**fields: Any) -> Change:
    """Other fields in the template that the campaign names."""
    return lambda paper: paper.template.update(fields)


def local(written: str) -> Change:
    """At this time of the recipient's clock."""

    def change(paper: Paper) -> None:
        paper.at = datetime.fromisoformat(written).replace(tzinfo=ZoneInfo(ZONES[paper.country]))

    return change


def sent(*ago: timedelta) -> Change:
    """Messages went to the person so long ago."""
    return lambda paper: paper.sent(*ago)


def crowd(size: int, tier: str) -> Change:
    """So many recipients before the one that is looked at, all of a sender of that tier."""

    def change(paper: Paper) -> None:
        paper.sender["tier"] = tier
        # Public: any valid number of the plan will do, all in one area.
        first = {"US": 12125551000, "BR": 5511970000000}[paper.country]
        people = [f"+{first + each}" for each in range(size)]
        one = paper.recipients[0]
        paper.recipients = [{"to": to, "name": "Bo"} for to in people] + [one]
        paper.consents += [{**paper.consent, "to": to} for to in people]

    return change


def prefers(**fields: str) -> Change:
    """The person has wishes."""

    def change(paper: Paper) -> None:
        row = {"to": paper.recipients[0]["to"], "business": BUSINESS, **fields}
        paper.preferences.append(row)

    return change


def number(e164: str) -> Change:
    """Somebody else's number, with the same consent."""

    def change(paper: Paper) -> None:
        paper.recipients[0]["to"] = e164
        paper.consent["to"] = e164

    return change


def left(paper: Paper) -> None:
    """The person opted out yesterday."""
    paper.suppressions.append(
        {
            "to": paper.recipients[0]["to"],
            "business": BUSINESS,
            "reason": "opt_out",
            "since": (paper.at - DAY).isoformat(),
        }
    )


def own_templates(count: int) -> Change:
    """The business has so many approved templates."""

    def change(paper: Paper) -> None:
        assert paper.templates
        del paper.templates[count:]

    return change


def approved_ago(days: int) -> Change:
    """The sender's registration was approved so long ago."""
    return lambda paper: paper.sender["registration"].update(
        approved_at=paper.at - timedelta(days=days)
    )


def granted_ago(days: int) -> Change:
    """The consent was given so long ago."""

    def change(paper: Paper) -> None:
        granted_at = paper.at - timedelta(days=days)
        paper.consent["granted_at"] = granted_at.isoformat()
        paper.consent["confirmed_at"] = (granted_at + MINUTE).isoformat()

    return change


def in_use(paper: Paper) -> None:
    """The templates were approved and used not long before."""
    for each in paper.templates or []:
        each.update(approved_at=paper.at - 20 * DAY, last_used_at=paper.at - DAY)


def unused_for(days: int) -> Change:
    """The template was last used so long ago."""
    return lambda paper: paper.template.update(last_used_at=paper.at - timedelta(days=days))


NO_EVIDENCE = "consent_evidence_incomplete"

ON_ITS_WAY = "Casa Azul: seu pedido 1234 foi enviado, {name}."

GENERAL: Sequence[Case] = (
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

EUROPE: Sequence[Case] = (
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

UNITED_STATES: Sequence[Case] = (
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

BRAZIL: Sequence[Case] = (
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

INDIA: Sequence[Case] = (
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

PERU: Sequence[Case] = (
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

CASES = (*GENERAL, *EUROPE, *UNITED_STATES, *BRAZIL, *INDIA, *PERU)
