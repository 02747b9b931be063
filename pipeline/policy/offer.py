"""What the rules look at, whatever the hour: what a campaign offers, and to whom.

What is the same for every recipient of a campaign in one country is an `Offer`, and is looked at
once; what is the person's own is a `Person`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pipeline.policy.consent_record import ConsentRecord
from pipeline.policy.content.text import CampaignText, Wordbook
from pipeline.policy.country import CountryPolicy
from pipeline.policy.preferences import Preference
from pipeline.policy.sender import SenderFacts
from pipeline.policy.template import TemplateFacts
from pipeline.policy.vocabulary import Category, Channel


@dataclass(frozen=True, kw_only=True, slots=True)
class CampaignFacts:
    """What the rules look at in a campaign.

    Attributes:
        topic: compared without case; None: it has none.
    """

    business: str
    category: Category
    channel: Channel
    text: CampaignText
    topic: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """What all recipients of a campaign in one country, through one sender, have in common.

    Attributes:
        template: the one that the campaign names; None: it names none.
        approved_templates: how many the business has in that country; None: not known.
        check_sender: False where no senders are known at all (a simulation without them).
    """

    policy: CountryPolicy
    campaign: CampaignFacts
    sender: SenderFacts | None
    template: TemplateFacts | None
    words: Wordbook
    approved_templates: int | None = None
    check_sender: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """What the rules look at in a recipient.

    Attributes:
        values: the variables of their row.
        states: the subdivisions in which they may be.
        suppressed: whether a suppression in force stops this category.
        suppression: what is known of it, for people who ask.
        held: whether a reply of theirs waits for somebody to decide what it means.
        opted_out_at: their last opt-out from this business, lifted or not; older consents are
            void.
        listed: (name, since when) of the public block lists that have them.
        consents: theirs to this business in this category.
        first: whether no marketing message of this business went to them before; None: unknown.
        preference: their own wishes; None: none are known.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    states: frozenset[str] = frozenset()
    suppressed: bool = False
    suppression: Mapping[str, object] = field(default_factory=dict)
    held: bool = False
    opted_out_at: datetime | None = None
    listed: Sequence[tuple[str, datetime]] = ()
    consents: Sequence[ConsentRecord] = ()
    first: bool | None = None
    preference: Preference | None = None
