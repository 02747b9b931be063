"""A country's policy as the pure functions see it: every rule that binds on one date.

These objects are built by ``config/policies.py`` from the TOML packs; nothing here reads a file.
A field that is None means that the pack has no such rule, never that a check may be skipped for
want of data.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta

from pipeline.policy.content.rules import ContentRules
from pipeline.policy.sender_rules import HeaderRule, Quota, RegistrationRule, TemplateRule
from pipeline.policy.thresholds import RepeatBan, Threshold
from pipeline.policy.vocabulary import Category, Channel, Tier


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One row of a pack, as a compliance officer reads it.

    Attributes:
        id: e.g. ``us_window_promo``.
        kind: what sort of rule it is (``window``, ``cap``, ``consent_evidence``, …); it says
            which code enforces the rule.
        summary: the rule in one English sentence.
        action: ``block``, ``defer``, ``warn``, ``suspend``, ``report``, ``task``, ``estimate``,
            ``process`` or ``allow``.
        value: the parameters as they stand in the pack (JSON-like).
        source: where it comes from: a document and its lines, or a public reference.
        phrase: the source's own words; empty where the rule paraphrases several.
        effective_from, effective_to: first day, and first day no longer, on which it binds.
        categories: the categories it binds; every one unless the pack says otherwise.
        reason: why the project chose the value where the source gives none.
        overlay: the overlay that it comes from; empty: a pack.
        states: the subdivisions that it binds; empty: the whole country.
        channels: the channels that it binds.
        evidence: of an overlay's rule, how well its source is known: ``primary``, ``secondary``
            or ``unverified``.
    """

    id: str
    kind: str
    summary: str
    action: str
    value: Mapping[str, object]
    source: str
    phrase: str = ""
    effective_from: date
    effective_to: date | None = None
    categories: frozenset[Category] = frozenset(Category)
    reason: str = ""
    overlay: str = ""
    states: frozenset[str] = frozenset()
    channels: frozenset[Channel] = frozenset(Channel)
    evidence: str = ""

    def in_force(self, on: date) -> bool:
        """Whether the rule binds on that day."""
        return self.effective_from <= on and (self.effective_to is None or on < self.effective_to)


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """When messages of a category may leave, in the recipient's local time.

    Attributes:
        rule: the id of the rule it comes from.
        hours: for each weekday (0 = Monday … 6 = Sunday) the half-open spans
            ``[open, close)`` in ascending order; a weekday without spans is closed. A close of
            ``time.max`` means midnight at the day's end.
        closed_on_holidays: whether public holidays are closed all day.
        states: the subdivisions that it binds, e.g. ``FL``; empty: the whole country. It binds
            a person who may be in one of them.
        channels: the channels that it binds.
    """

    rule: str
    hours: Mapping[int, tuple[tuple[time, time], ...]]
    closed_on_holidays: bool = False
    states: frozenset[str] = frozenset()
    channels: frozenset[Channel] = frozenset(Channel)


@dataclass(frozen=True, kw_only=True, slots=True)
class HolidayRules:
    """Which days count as holidays.

    Attributes:
        country: the code in the ``holidays`` package; None: the pack knows no holidays.
        optional_names: names of *optional* holidays of that package that count as well (lower
            case; a day counts when its name contains one), e.g. Brazil's Carnival.
        by_state: whether the recipient's state's own holidays count too.
        first_year, last_year: the years for which the package has real data; outside them the
            answer is unknown, and what depends on it fails closed.
        closed_days: days that the operator has added, in every state.
    """

    country: str | None
    optional_names: tuple[str, ...] = ()
    by_state: bool = False
    first_year: int = 2001
    last_year: int = 2035
    closed_days: tuple[date, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsentRule:
    """What a consent must be for a category's messages to pass.

    Each field is ``(requirement, rule id)`` folded into one: the ``*_rule`` fields name the rule
    to report when the requirement is not met.

    Attributes:
        rule: the rule that asks for a consent at all.
        evidence: fields of the consent record that must not be empty.
        evidence_rule: the rule that asks for the evidence.
        offline_evidence: the fields asked for instead when the method is offline (phone, paper);
            None: no difference is made.
        offline_rule: the rule behind `offline_evidence`.
        double_opt_in_rule: set when the second step (``confirmed_at``) is required.
        max_age_months: at most so many calendar months between the grant (or its renewal) and
            the send; with `max_age_rule`.
        pre_ticked_rule: set when a pre-ticked box makes the consent invalid.
        wording: lower-case phrases of which the consent's text must contain one; empty: no
            wording is asked for; with `wording_rule`.
        wording_negations: words which, standing right before such a phrase, turn it round
            ("no acepto …").
        more_evidence: (field, rule) of what overlays ask for besides, online or offline. A
            yes-or-no field must be yes.
        cpf_rule: set when ``cpf`` must be there with valid check digits.
        topic_required_rule: set when the campaign must name a topic.
        written_rule: set when a consent by word of mouth alone is none.
    """

    rule: str
    evidence: tuple[str, ...] = ()
    evidence_rule: str | None = None
    offline_evidence: tuple[str, ...] | None = None
    offline_rule: str | None = None
    more_evidence: tuple[tuple[str, str], ...] = ()
    double_opt_in_rule: str | None = None
    max_age_months: int | None = None
    max_age_rule: str | None = None
    pre_ticked_rule: str | None = None
    wording: tuple[str, ...] = ()
    wording_negations: tuple[str, ...] = ()
    wording_rule: str | None = None
    cpf_rule: str | None = None
    topic_required_rule: str | None = None
    written_rule: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Cap:
    """At most `limit` messages to one person within any `period`, per business and category.

    `holiday_limit` replaces `limit` on the recipient's public holidays (India). `counts` says
    which categories' messages are counted together: one cap for two categories is one number,
    not one each. `states` and `channels` say whom it binds, as for a `Window`.
    """

    rule: str
    limit: int
    period: timedelta
    holiday_limit: int | None = None
    holiday_rule: str | None = None
    counts: frozenset[Category] = frozenset({Category.MARKETING, Category.PUBLIC_SERVICE})
    states: frozenset[str] = frozenset()
    channels: frozenset[Channel] = frozenset(Channel)


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockList:
    """A public list of people who want no advertising, e.g. Procon-SP's.

    Attributes:
        name: under which its numbers are imported (the ``reason`` of a suppression).
        categories, channels: the messages that it binds.
        states: only numbers of these subdivisions are on it; empty: any.
        after: how long after a number's listing it binds.
    """

    rule: str
    name: str
    categories: frozenset[Category] = frozenset({Category.MARKETING, Category.PUBLIC_SERVICE})
    channels: frozenset[Channel] = frozenset(Channel)
    states: frozenset[str] = frozenset()
    after: timedelta = timedelta(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class OptOutRule:
    """How people leave.

    Attributes:
        words: single-message opt-out words, casefolded.
        deadline: the country's limit from our receipt of the reply to the stop being in force.
        confirmations: language tag → text of the one confirmation; ``{brand}`` stands for the
            business's brand.
        default_language: the confirmation's language when the person's is unknown.
    """

    words: tuple[str, ...]
    words_rule: str | None
    deadline: timedelta
    deadline_rule: str | None
    confirmations: Mapping[str, str]
    default_language: str
    confirmation_rule: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CountryPolicy:
    """Every rule that binds for recipients of one country on one date.

    Attributes:
        country: ISO 3166 code of the recipient's country, e.g. ``ES``.
        pack: the pack that the rules come from, e.g. ``EU``.
        version: identifies the exact rules (pack, content hash); it stands in every decision.
        consents, contents: absent category: no such rule.
        windows, caps: all that bind a category; a message must satisfy each. Absent category:
            no such rule.
        quotas: by the sender's tier, all of which hold; absent tier: no limit.
        thresholds: the rates and numbers above which a sender is suspended.
        repeat_ban: set when a second suspension by a threshold takes every sender of the
            business.
        channel_bans: (category, channel) → the rule that forbids it.
        block_lists: public lists that are looked at.
        preferences_rule: the rule by which a person's own wishes narrow everything.
        official_rule: the rule that warns of providers which are no official interface.
        transfer_rule: the rule by which data leave the pack's countries only with a safeguard.
        safeguards: any one of which is enough for that.
        home: the pack's countries; data that stay in them are not transferred.
        headers: what a message has to show of its business's registration; absent category:
            nothing.
        overlays: the names of the overlays that take part.
        rules: every row in force, enforced or not.
    """

    country: str
    pack: str
    name: str
    version: str
    holidays: HolidayRules
    windows: Mapping[Category, tuple[Window, ...]]
    consents: Mapping[Category, ConsentRule]
    contents: Mapping[Category, ContentRules] = field(default_factory=dict)
    caps: Mapping[Category, tuple[Cap, ...]]
    quotas: Mapping[Tier, tuple[Quota, ...]]
    registration: RegistrationRule | None
    template: TemplateRule | None
    opt_out: OptOutRule
    channels: frozenset[Channel] = frozenset(Channel)
    thresholds: tuple[Threshold, ...] = ()
    repeat_ban: RepeatBan | None = None
    channel_bans: Mapping[tuple[Category, Channel], str] = field(default_factory=dict)
    block_lists: tuple[BlockList, ...] = ()
    preferences_rule: str | None = None
    official_rule: str | None = None
    transfer_rule: str | None = None
    safeguards: tuple[str, ...] = ()
    home: frozenset[str] = frozenset()
    headers: Mapping[Category, HeaderRule] = field(default_factory=dict)
    overlays: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
