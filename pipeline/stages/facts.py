"""What is known of a campaign's recipients: gathered from the store, ready for the rules.

The consent stage, a simulation on the database and `recado explain` see the same facts through it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy.engine import Connection

from pipeline.policy.country import CountryPolicy
from pipeline.policy.eligibility import Prepared, prepare
from pipeline.policy.numbers import states_of
from pipeline.policy.offer import Offer, Person
from pipeline.policy.preferences import Preference
from pipeline.policy.sender import SenderFacts, SenderState
from pipeline.policy.suppression import EVERY_BUSINESS, is_stopped
from pipeline.policy.template import TemplateFacts
from pipeline.policy.vocabulary import RegistrationStatus
from pipeline.stages.books import Books
from pipeline.stages.unavailable import unavailable
from pipeline.store import (
    block_lists,
    consents,
    frequency,
    opt_outs,
    preferences,
    senders,
    suppressions,
)
from pipeline.store.campaigns import Campaign
from pipeline.store.consents import HeldConsent
from pipeline.store.senders import Sender, Template
from pipeline.store.suppressions import Suppression


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipient:
    """A recipient as the rules need it: whose country's policy, and what the row says.

    Attributes:
        phone: E.164; None: the person is known by no number.
        values: the variables of the row.
    """

    contact_id: int
    country: str
    phone: str | None
    values: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What the store knows of one campaign's recipients, by contact, at one instant.

    Attributes:
        avoided: the senders that cannot send now for a technical reason; see ``failover``.
        check_sender: False where no senders are known at all (a simulation without them).
    """

    campaign: Campaign
    books: Books
    now: datetime
    suppressions: Mapping[int, list[Suppression]]
    held: Collection[int]
    consents: Mapping[int, list[HeldConsent]]
    senders: Sequence[tuple[Sender, SenderFacts]]
    templates: Sequence[Template]
    listed: Mapping[int, list[tuple[str, datetime]]]
    preferences: Mapping[int, Preference]
    written_to: Collection[int] = ()
    avoided: Collection[int] = ()
    check_sender: bool = True
    _prepared: dict[tuple[str, int], Prepared | None] = field(default_factory=dict)
    _fitting: dict[str, Sequence[tuple[Sender, SenderFacts]]] = field(default_factory=dict)
    _stand_ins: dict[str, Sequence[tuple[Sender, SenderFacts]]] = field(default_factory=dict)

    def at(self, moment: datetime) -> "Facts":
        """The same facts at another instant."""
        return replace(self, now=moment, _prepared={}, _stand_ins={})

    def sender_of(self, recipient: Recipient) -> Sender | None:
        """The sender that the recipient's message would leave through; None: there is none."""
        return self._pick(recipient)[0]

    def prepared(self, recipient: Recipient) -> Prepared | None:
        """What is the same for everybody of the recipient's country and sender.

        None: there is no policy for the country.
        """
        return self._prepare(recipient.country, *self._pick(recipient))

    def _prepare(
        self, country: str, sender: Sender | None, facts: SenderFacts | None
    ) -> Prepared | None:
        key = (country, sender.id if sender else 0)
        if key not in self._prepared:
            policy = self.books.policy(country, self.now)
            self._prepared[key] = (
                None if policy is None else prepare(self._offer(policy, facts), now=self.now)
            )
        return self._prepared[key]

    def person(self, recipient: Recipient, prepared: Prepared) -> Person:
        """What is the recipient's own."""
        contact, policy = recipient.contact_id, prepared.offer.policy
        listed = self.suppressions.get(contact, [])
        stopping = [
            entry
            for entry in listed
            if entry.lifted_at is None
            and is_stopped(self.campaign.category, everything=entry.everything)
        ]
        phone = recipient.phone if policy.block_lists else None
        return Person(
            values=recipient.values,
            states=frozenset() if phone is None else states_of(phone),
            suppressed=bool(stopping),
            suppression={"since": stopping[0].since.isoformat(), "because": stopping[0].reason}
            if stopping
            else {},
            held=contact in self.held,
            opted_out_at=max((entry.since for entry in listed), default=None),
            listed=self.listed.get(contact, ()),
            consents=[consent.record for consent in self.consents.get(contact, [])],
            first=contact not in self.written_to,
            preference=self.preferences.get(contact),
        )

    def _pick(self, recipient: Recipient) -> tuple[Sender, SenderFacts] | tuple[None, None]:
        """The campaign's own sender, else one of the business for the channel and the country.

        A person gets every message from the same sender, so long as the business has the same,
        and it can send. Who has another sender keeps it while that one cannot.
        """
        fitting = self._fitting.get(recipient.country)
        if fitting is None:
            fitting = senders_for(self.campaign, self.senders, recipient.country)
            self._fitting[recipient.country] = fitting
        if not fitting:
            return None, None
        own = fitting[recipient.contact_id % len(fitting)]
        if own[0].id not in self.avoided:
            return own
        others = self.stand_ins(recipient.country)
        return others[recipient.contact_id % len(others)] if others else own

    def stand_ins(self, country: str) -> Sequence[tuple[Sender, SenderFacts]]:
        """Who may send to a country in place of a sender that is avoided.

        None where the campaign names its sender. Only who passes every check of senders and
        templates: what waits must not be blocked because it was moved.
        """
        found = self._stand_ins.get(country)
        if found is None:
            known = () if self.campaign.sender_code is not None else self.senders
            found = [
                pair
                for pair in senders_for(self.campaign, known, country)
                if pair[0].id not in self.avoided
                and pair[0].state is SenderState.ACTIVE
                and (prepared := self._prepare(country, *pair)) is not None
                and not any(check.stops for check in prepared.senders)
            ]
            self._stand_ins[country] = found
        return found

    def _offer(self, policy: CountryPolicy, sender: SenderFacts | None) -> Offer:
        return Offer(
            policy=policy,
            campaign=self.campaign.facts(),
            sender=sender,
            template=template_of(self.campaign, self.templates),
            words=self.books.words,
            approved_templates=sum(
                template.country == policy.country
                and template.status is RegistrationStatus.APPROVED
                for template in self.templates
            ),
            check_sender=self.check_sender,
        )


def gather(
    connection: Connection,
    campaign: Campaign,
    recipients: Sequence[Recipient],
    *,
    books: Books,
    now: datetime,
) -> Facts:
    """Read what the rules look at, in a fixed number of queries however many recipients."""
    contacts = [recipient.contact_id for recipient in recipients]
    businesses = (campaign.business, EVERY_BUSINESS)
    found: dict[int, list[Suppression]] = {}
    for entry in suppressions.of(connection, contacts, businesses):
        found.setdefault(entry.contact_id, []).append(entry)
    own = senders.select_senders(connection, businesses=[campaign.business])
    known = Facts(
        campaign=campaign,
        books=books,
        now=now,
        suppressions=found,
        held=opt_outs.held(connection, contacts, businesses),
        consents=consents.held(
            connection, contacts, business=campaign.business, category=campaign.category
        ),
        senders=[(sender, sender.facts()) for sender in own],
        templates=senders.select_templates(connection, [campaign.business]),
        listed={},
        preferences=preferences.of(connection, contacts, campaign.business),
        avoided=unavailable(connection, own).keys(),
    )
    # What few countries ask for is read only where one of them does.
    offers = [offer for offer in map(known.prepared, recipients) if offer is not None]
    if any(offer.offer.policy.block_lists for offer in offers):
        known = replace(known, listed=block_lists.listed(connection, contacts))
    if any(offer.text.needs_first for offer in offers):
        written_to = frequency.written_to(connection, contacts, campaign.business)
        known = replace(known, written_to=written_to)
    return known


def template_of(campaign: Campaign, registered: Sequence[Template]) -> TemplateFacts | None:
    """The template that the campaign names; one that nobody has registered is a draft."""
    if campaign.template_code is None:
        return None
    for template in registered:
        if template.code == campaign.template_code:
            return template.facts()
    return TemplateFacts(id=campaign.template_code, status=RegistrationStatus.DRAFT)


def senders_for(
    campaign: Campaign, available: Sequence[tuple[Sender, SenderFacts]], country: str
) -> Sequence[tuple[Sender, SenderFacts]]:
    """The sender that the campaign names, else all that send its channel to the country."""
    on_channel = [pair for pair in available if pair[0].channel is campaign.channel]
    if campaign.sender_code is not None:
        return [pair for pair in on_channel if pair[0].code == campaign.sender_code]
    return [pair for pair in on_channel if pair[0].country == country]
