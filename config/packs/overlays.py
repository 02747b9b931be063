"""Joins overlays to a country's policy: beside the pack's own rules, the strictest of all binds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from config.packs import values
from config.packs.fields import parse_duration
from config.packs.overlay_file import OverlayFile, OverlayRow
from pipeline.policy.country import BlockList, Cap, ConsentRule, CountryPolicy, Rule, Window
from pipeline.policy.sender_rules import Quota
from pipeline.policy.vocabulary import Category, Channel, Tier


@dataclass(frozen=True, kw_only=True, slots=True)
class _Binding:
    """A row that binds a country on a day, and the file that an error about it names."""

    overlay: OverlayFile
    row: OverlayRow
    rule: Rule


def join_overlays(
    policy: CountryPolicy, overlays: Sequence[OverlayFile], *, on: date, as_marketing: bool
) -> CountryPolicy:
    """The policy with every rule of the overlays that binds its country on that day.

    Args:
        policy: of the pack alone.
        overlays: those that are switched on.
        on: the day.
        as_marketing: whether the country treats public service messages as marketing; what binds
            the one then binds the other.

    Raises:
        PolicyError: a rule cannot be joined to what the pack says.
    """
    bound = [
        _Binding(overlay=overlay, row=row, rule=_extended(overlay.rule(row), as_marketing))
        for overlay in overlays
        for row in overlay.rows
        if row.binds(policy.country) and row.in_force(on)
    ]
    if not bound:
        return policy
    return replace(
        policy,
        windows=_windows(policy, bound),
        consents=_consents(policy, bound),
        caps=_caps(policy, bound),
        quotas=_quotas(policy, bound),
        channel_bans=_channel_bans(policy, bound),
        block_lists=(*policy.block_lists, *_block_lists(bound)),
        overlays=tuple(dict.fromkeys(one.overlay.head.name for one in bound)),
        rules=(*policy.rules, *(one.rule for one in bound)),
    )


def _extended(rule: Rule, as_marketing: bool) -> Rule:
    if as_marketing and Category.MARKETING in rule.categories:
        return replace(rule, categories=rule.categories | {Category.PUBLIC_SERVICE})
    return rule


def _windows(
    policy: CountryPolicy, bound: Sequence[_Binding]
) -> Mapping[Category, tuple[Window, ...]]:
    windows = dict(policy.windows)
    for one in bound:
        value = one.row.value
        if not isinstance(value, values.WindowValue):
            continue
        if value.closed_on_holidays and policy.holidays.country is None:
            raise one.overlay.error(
                one.row, f"the holidays of {policy.country} are not known to its pack", "value"
            )
        window = Window(
            rule=one.rule.id,
            hours=value.spans,
            closed_on_holidays=value.closed_on_holidays,
            states=one.rule.states,
            channels=one.rule.channels,
        )
        for category in one.rule.categories:
            windows[category] = (*windows.get(category, ()), window)
    return windows


def _caps(policy: CountryPolicy, bound: Sequence[_Binding]) -> Mapping[Category, tuple[Cap, ...]]:
    caps = dict(policy.caps)
    for one in bound:
        value = one.row.value
        if not isinstance(value, values.CapValue) or value.limit is None:
            continue
        cap = Cap(
            rule=one.rule.id,
            limit=value.limit,
            period=value.length,
            counts=one.rule.categories,
            states=one.rule.states,
            channels=one.rule.channels,
        )
        for category in cap.counts:
            others = caps.get(category, ())
            if others and others[0].counts != cap.counts:
                counted = " and ".join(sorted(others[0].counts))
                raise one.overlay.error(
                    one.row,
                    f"in {policy.country} {others[0].rule} counts {counted} together; "
                    "count the same categories",
                    "categories",
                )
            caps[category] = (*others, cap)
    return caps


def _quotas(policy: CountryPolicy, bound: Sequence[_Binding]) -> Mapping[Tier, tuple[Quota, ...]]:
    quotas = dict(policy.quotas)
    for one in bound:
        value = one.row.value
        if isinstance(value, values.QuotaValue):
            quota = Quota(
                rule=one.rule.id,
                limit=value.limit,
                period=parse_duration(value.period),
                channels=one.rule.channels,
                after_months=value.promotion_after_months,
            )
            quotas[value.tier] = (*quotas.get(value.tier, ()), quota)
    return quotas


def _consents(policy: CountryPolicy, bound: Sequence[_Binding]) -> Mapping[Category, ConsentRule]:
    """The pack's consent rules, asking for more. Where it asks for no consent, neither do they."""
    consents = dict(policy.consents)
    for one in bound:
        for category in one.rule.categories & consents.keys():
            rule = consents[category]
            match one.row.value:
                case values.EvidenceValue() as value:
                    asked = tuple((field, one.rule.id) for field in value.fields)
                    digits = one.rule.id if value.cpf_check_digits else None
                    consents[category] = replace(
                        rule,
                        more_evidence=rule.more_evidence + asked,
                        cpf_rule=rule.cpf_rule or digits,
                    )
                case values.AgeValue(months=months):
                    if rule.max_age_months is None or months < rule.max_age_months:
                        consents[category] = replace(
                            rule, max_age_months=months, max_age_rule=one.rule.id
                        )
    return consents


def _channel_bans(
    policy: CountryPolicy, bound: Sequence[_Binding]
) -> Mapping[tuple[Category, Channel], str]:
    bans = dict(policy.channel_bans)
    for one in bound:
        if one.rule.kind == "channel_ban":
            for category in one.rule.categories:
                for channel in one.rule.channels:
                    bans.setdefault((category, channel), one.rule.id)
    return bans


def _block_lists(bound: Sequence[_Binding]) -> list[BlockList]:
    return [
        BlockList(
            rule=one.rule.id,
            name=value.list,
            categories=one.rule.categories,
            channels=one.rule.channels,
            states=one.rule.states,
            after=timedelta(0) if value.after is None else parse_duration(value.after),
        )
        for one in bound
        if isinstance(value := one.row.value, values.BlockListValue)
    ]
