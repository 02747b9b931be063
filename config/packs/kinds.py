"""Every kind of rule that a pack may hold: its parameters, its actions, how often it may stand."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from config.packs import values
from config.packs import values_duties as duties

Action = Literal[
    "block", "defer", "warn", "suspend", "report", "task", "estimate", "process", "allow"
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A kind of rule.

    Attributes:
        model: the parameters in the rule's ``value``.
        actions: the actions that the code behind it can take; others would promise what nobody
            does.
        one_per: of what a date may know only one such rule: a category, a sender's tier, or the
            whole pack; None: any number.
    """

    model: type[values.Value]
    actions: tuple[Action, ...]
    one_per: Literal["category", "tier", "pack"] | None = None


def _per_category(model: type[values.Value], *actions: Action) -> Kind:
    return Kind(model=model, actions=actions, one_per="category")


def _per_pack(model: type[values.Value], *actions: Action) -> Kind:
    return Kind(model=model, actions=actions, one_per="pack")


def _any(model: type[values.Value], *actions: Action) -> Kind:
    return Kind(model=model, actions=actions)


KINDS: Mapping[str, Kind] = {
    "consent": _per_category(values.ConsentValue, "block", "allow"),
    "consent_proof": _any(values.NoValue, "block"),
    "consent_evidence": _per_category(values.EvidenceValue, "block"),
    "consent_offline_evidence": _per_category(values.OfflineEvidenceValue, "block"),
    "consent_double_opt_in": _per_category(values.SecondStepValue, "block"),
    "consent_pre_ticked": _per_category(values.NoValue, "block"),
    "consent_wording": _per_category(values.WordingValue, "block"),
    "consent_age": _per_category(values.AgeValue, "block"),
    "consent_topic": _per_category(values.NoValue, "block"),
    "local_time": _any(values.NoValue, "defer"),
    "window": _per_category(values.WindowValue, "defer", "allow"),
    "holidays": _per_pack(values.HolidaysValue, "process"),
    "cap": _per_category(values.CapValue, "defer", "allow"),
    "holiday_cap": _per_category(values.HolidayCapValue, "defer"),
    "quota": Kind(model=values.QuotaValue, actions=("defer",), one_per="tier"),
    "registration": _per_pack(values.RegistrationValue, "block"),
    "registration_fields": _any(values.RegistrationFieldsValue, "block"),
    "registration_review": _per_pack(values.RegistrationReviewValue, "report"),
    "registration_renewal": _per_pack(values.RenewalValue, "block"),
    "registration_step": _any(values.RegistrationStepValue, "block", "report"),
    "template": _any(values.TemplateValue, "block"),
    "template_variables": _per_pack(values.MaximumValue, "block"),
    "template_unused": _per_pack(values.DaysValue, "block"),
    "opt_out_words": _any(values.OptOutWordsValue, "process"),
    "opt_out_deadline": _per_pack(values.WithinValue, "report"),
    "opt_out_confirmation": _per_pack(values.ConfirmationValue, "report"),
    "opt_out_effect": _any(values.NoValue, "block", "process"),
    "content_opt_out": _any(duties.ContentOptOutValue, "block"),
    "content_identification": _per_category(duties.ContentIdentificationValue, "block"),
    "content_brand": _per_category(duties.ContentBrandValue, "block"),
    "content_offer_terms": _per_category(values.NoValue, "block"),
    "content_offer_expiry": _per_category(values.NoValue, "block"),
    "content_support": _per_category(values.NoValue, "block"),
    "content_promotion": _any(duties.ContentPromotionValue, "block"),
    "content_length": _per_category(duties.ContentLengthValue, "block", "warn"),
    "content_language": _per_category(duties.ContentLanguageValue, "block"),
    "content_machine_translation": _per_category(values.NoValue, "block"),
    "content_error_rate": _per_category(duties.PercentValue, "block", "warn"),
    "content_practice": _any(duties.ContentPracticeValue, "warn"),
    "content_header": _per_category(duties.CharactersValue, "block"),
    "threshold": _any(duties.ThresholdValue, "suspend"),
    "channel_ban": _any(values.NoValue, "block"),
    "block_list": _any(values.BlockListValue, "block"),
    "retention": _any(duties.RetentionValue, "block", "report"),
    "erasure": _per_pack(values.DaysValue, "report"),
    "data_subject_request": _any(duties.RequestValue, "task"),
    "data_minimisation": _per_category(duties.DataMinimisationValue, "warn"),
    "data_transfer": _any(duties.DataTransferValue, "block"),
    "preferences": _any(duties.PreferencesValue, "defer", "block"),
    "preferred_hours": _any(values.WindowValue, "allow"),
    "official_channel": _any(values.NoValue, "warn"),
    "audit_trail": _any(values.NoValue, "report"),
    "privacy_policy": _any(duties.PrivacyPolicyValue, "report", "block"),
    "support_response": _any(values.WithinValue, "report"),
    "report": _any(duties.ReportValue, "report"),
    "practice": _any(duties.ReportValue, "warn", "report"),
    "sanction": _any(duties.SanctionValue, "suspend"),
    "estimate": _any(duties.EstimateValue, "estimate"),
}

OVERLAY_KINDS = frozenset(
    {"window", "cap", "quota", "consent_evidence", "consent_age", "channel_ban", "block_list"}
)
"""The kinds of which an overlay may hold rows: those whose rules can hold beside a pack's own."""

ONLY_OVERLAY_KINDS = frozenset({"channel_ban", "block_list"})
"""The kinds that no pack holds: nothing in the packs' sources asks for them."""
