"""What a country asks of senders and templates: quotas, registrations, approved texts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from pipeline.policy.vocabulary import Channel


@dataclass(frozen=True, kw_only=True, slots=True)
class Quota:
    """At most `limit` messages of one sender within any `period`.

    Attributes:
        channels: the channels whose senders it binds.
        after_months: a sender has the tier only once it has been approved for so many months;
            until then it counts as new.
    """

    rule: str
    limit: int
    period: timedelta
    channels: frozenset[Channel] = frozenset(Channel)
    after_months: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Review:
    """How long a review takes as a rule.

    Attributes:
        days: so many days after it was asked for.
        working: whether only working days count.
    """

    days: int
    working: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class RegistrationRule:
    """What a sender must be registered as before it may send.

    Attributes:
        kind: ``10dlc``, ``operator`` or ``dlt``.
        fields: what the registration must hold.
        field_rules: the rule behind a field, where it is another than `rule`.
        channels: the channels on which a sender needs it.
        review: how long the review takes as a rule, for expected dates.
        renewal_rule: the rule that a registration which is over breaks; None: `rule`.
        renewal_months: it is to be renewed when less than so many months are left.
    """

    rule: str
    kind: str
    fields: tuple[str, ...]
    channels: frozenset[Channel] = frozenset(Channel)
    field_rules: Mapping[str, str] = field(default_factory=dict)
    review: Review | None = None
    renewal_rule: str | None = None
    renewal_months: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class HeaderRule:
    """That a message shows the header under which its business is registered.

    Attributes:
        characters: how many letters and digits that header has.
    """

    rule: str
    characters: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateRule:
    """Whether messages must be instances of an approved template, and what such a template is.

    Attributes:
        max_variables: at most so many variables in its header and body; with
            `max_variables_rule`.
        max_length: at most so many characters in header and body, as they are registered; with
            `max_length_rule`.
        match_rule: the rule by which a text must be an instance of its template.
        advised: fewer approved templates than this in a business's hands are warned of; with
            `advised_rule`.
        unused_for: a template not used for so long counts as disabled; with `unused_rule`.
        review: how long its review takes as a rule, for expected dates.
    """

    rule: str
    required: bool = True
    max_variables: int | None = None
    max_variables_rule: str | None = None
    max_length: int | None = None
    max_length_rule: str | None = None
    unused_for: timedelta | None = None
    unused_rule: str | None = None
    match_rule: str | None = None
    advised: int | None = None
    advised_rule: str | None = None
    review: Review | None = None
