"""Turns the rules in force on one day into the policy that the pure functions decide with."""

from collections.abc import Mapping, Sequence
from datetime import date

from config.packs import values
from config.packs import values_duties as duties
from config.packs.consent import assemble_consents
from config.packs.contents import assemble_contents
from config.packs.fields import parse_duration
from config.packs.overlay_file import OverlayFile
from config.packs.overlays import join_overlays
from config.packs.reader import PackFile
from config.packs.rules_in_force import RulesInForce
from config.packs.senders import (
    assemble_headers,
    assemble_registration,
    assemble_safeguards,
    assemble_template,
)
from config.packs.thresholds import assemble_repeat_ban, assemble_thresholds
from pipeline.policy.country import (
    Cap,
    CountryPolicy,
    HolidayRules,
    OptOutRule,
    Window,
)
from pipeline.policy.sender_rules import Quota
from pipeline.policy.vocabulary import Category, Tier


def assemble(
    pack: PackFile,
    general: PackFile,
    country: str,
    *,
    on: date,
    version: str,
    overlays: Sequence[OverlayFile] = (),
    closed_days: Sequence[date] = (),
    length_blocks: bool = False,
) -> CountryPolicy:
    """The policy for one of the pack's countries on one day, with the overlays switched on.

    Raises:
        PolicyError: on that day nothing says how an opt-out is confirmed, or when it must be in
            force; or an overlay's rule cannot be joined to the pack's.
    """
    rules = RulesInForce(pack, general, on)
    facts = pack.countries[country]
    policy = CountryPolicy(
        country=country,
        pack=pack.head.code,
        name=facts.name,
        version=version,
        holidays=_holidays(rules, facts.holidays, closed_days),
        windows=_windows(rules),
        consents=assemble_consents(rules),
        contents=assemble_contents(rules, length_blocks=length_blocks),
        caps=_caps(rules),
        quotas=_quotas(rules),
        registration=assemble_registration(rules),
        template=assemble_template(rules),
        opt_out=_opt_out(pack, rules, facts.language),
        channels=frozenset(pack.head.channels),
        thresholds=assemble_thresholds(rules),
        repeat_ban=assemble_repeat_ban(rules),
        preferences_rule=_rule_of(rules, "preferences", duties.PreferencesValue),
        official_rule=_rule_of(rules, "official_channel", values.NoValue),
        transfer_rule=_rule_of(rules, "data_transfer", duties.DataTransferValue),
        safeguards=assemble_safeguards(rules),
        home=frozenset(pack.countries),
        headers=assemble_headers(rules),
        rules=rules.rules,
    )
    return join_overlays(policy, overlays, on=on, as_marketing=rules.as_marketing)


def _rule_of(rules: RulesInForce, kind: str, model: type[values.Value]) -> str | None:
    found = rules.first(kind, model)
    return None if found is None else found.rule.id


def _holidays(
    rules: RulesInForce, country: str | None, closed_days: Sequence[date]
) -> HolidayRules:
    found = rules.first("holidays", values.HolidaysValue)
    value = values.HolidaysValue() if found is None else found.value
    return HolidayRules(
        country=country,
        optional_names=tuple(name.casefold() for name in value.optional_names),
        by_state=value.by_state,
        first_year=value.first_year,
        last_year=value.last_year,
        closed_days=tuple(sorted(closed_days)),
    )


def _windows(rules: RulesInForce) -> Mapping[Category, tuple[Window, ...]]:
    windows = {}
    for category in Category:
        found = rules.first("window", values.WindowValue, category)
        if found is not None and not found.value.always_open:
            windows[category] = (
                Window(
                    rule=found.rule.id,
                    hours=found.value.spans,
                    closed_on_holidays=found.value.closed_on_holidays,
                ),
            )
    return windows


def _caps(rules: RulesInForce) -> Mapping[Category, tuple[Cap, ...]]:
    caps = {}
    for category in Category:
        found = rules.first("cap", values.CapValue, category)
        if found is None or found.value.limit is None:
            continue
        lower = rules.first("holiday_cap", values.HolidayCapValue, category)
        caps[category] = (
            Cap(
                rule=found.rule.id,
                limit=found.value.limit,
                period=found.value.length,
                holiday_limit=None if lower is None else lower.value.limit,
                holiday_rule=None if lower is None else lower.rule.id,
                counts=found.rule.categories,
            ),
        )
    return caps


def _quotas(rules: RulesInForce) -> Mapping[Tier, tuple[Quota, ...]]:
    return {
        found.value.tier: (
            Quota(
                rule=found.rule.id,
                limit=found.value.limit,
                period=parse_duration(found.value.period),
                after_months=found.value.promotion_after_months,
            ),
        )
        for found in rules.all("quota", values.QuotaValue)
    }


def _opt_out(pack: PackFile, rules: RulesInForce, default_language: str) -> OptOutRule:
    known = list(rules.all("opt_out_words", values.OptOutWordsValue))
    deadline = rules.first("opt_out_deadline", values.WithinValue)
    confirmation = rules.first("opt_out_confirmation", values.ConfirmationValue)
    if deadline is None:
        raise pack.text.error("nothing says when an opt-out must be in force; add opt_out_deadline")
    if confirmation is None:
        raise pack.text.error("nothing says how an opt-out is confirmed; add opt_out_confirmation")
    return OptOutRule(
        words=tuple(
            dict.fromkeys(
                word.casefold()
                for found in known
                for words in found.value.words.values()
                for word in words
            )
        ),
        words_rule=known[0].rule.id if known else None,
        deadline=parse_duration(deadline.value.within),
        deadline_rule=deadline.rule.id,
        confirmations=dict(confirmation.value.texts),
        default_language=default_language,
        confirmation_rule=confirmation.rule.id,
    )
