"""The consent stage: may this person be written to at all, by this business, with this text?"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection, Row

from pipeline.policy.decision import Block, Decision, Defer, Proceed
from pipeline.policy.eligibility import RecipientFacts, decide_eligibility
from pipeline.policy.sender import SenderFacts, TemplateFacts
from pipeline.policy.suppression import EVERY_BUSINESS, is_stopped
from pipeline.policy.vocabulary import (
    CampaignState,
    MessageState,
    Outcome,
    Reason,
    RegistrationStatus,
    Stage,
)
from pipeline.stages.books import Books
from pipeline.store import campaigns, consents, messages, opt_outs, senders, suppressions
from pipeline.store.campaigns import Campaign
from pipeline.store.consents import HeldConsent
from pipeline.store.messages import Verdict
from pipeline.store.senders import Sender, Template
from pipeline.store.suppressions import Suppression

_LOAD = text(
    """
    SELECT m.id, m.campaign_id, m.contact_id, t.country,
           c.variables <> '{}' AND NOT coalesce(m.variables ?& c.variables, false)
               AS variables_missing
    FROM messages m
    JOIN campaigns c ON c.id = m.campaign_id
    JOIN contacts t ON t.id = m.contact_id
    WHERE m.id = ANY(CAST(:ids AS bigint[])) AND m.state = 'accepted'
    """
)


@dataclass(frozen=True, slots=True)
class _Known:
    """What the database knows of one campaign's chunk, by contact."""

    campaign: Campaign
    suppressions: Mapping[int, list[Suppression]]
    held: Collection[int]
    consents: Mapping[int, list[HeldConsent]]
    senders: Sequence[tuple[Sender, SenderFacts]]
    template: TemplateFacts | None


def run(
    connection: Connection, ids: Sequence[int], *, books: Books, now: datetime, lease: datetime
) -> list[int]:
    """Decide for the accepted messages among `ids`; return those that go on to the window stage."""
    by_campaign: dict[int, list[Row[tuple[object, ...]]]] = {}
    for row in connection.execute(_LOAD, {"ids": list(ids)}):
        by_campaign.setdefault(row.campaign_id, []).append(row)
    verdicts: list[Verdict] = []
    for campaign in campaigns.by_ids(connection, by_campaign).values():
        rows = by_campaign[campaign.id]
        known = _gather(connection, campaign, [row.contact_id for row in rows])
        verdicts += [_decide(row, known, books, now) for row in rows]
    moved = messages.apply(
        connection,
        verdicts,
        stage=Stage.CONSENT,
        from_state=MessageState.ACCEPTED,
        lease=lease,
        now=now,
    )
    return [v.id for v in verdicts if v.id in moved and v.state is MessageState.CONSENTED]


def _gather(connection: Connection, campaign: Campaign, contacts: Sequence[int]) -> _Known:
    found: dict[int, list[Suppression]] = {}
    for entry in suppressions.of(connection, contacts, (campaign.business, EVERY_BUSINESS)):
        found.setdefault(entry.contact_id, []).append(entry)
    templates = senders.select_templates(connection, [campaign.business])
    return _Known(
        campaign=campaign,
        suppressions=found,
        held=opt_outs.held(connection, contacts, (campaign.business, EVERY_BUSINESS)),
        consents=consents.held(
            connection, contacts, business=campaign.business, category=campaign.category
        ),
        senders=[
            (sender, sender.facts())
            for sender in senders.select_senders(connection, businesses=[campaign.business])
        ],
        template=_template(campaign, templates),
    )


def _decide(row: Row[tuple[object, ...]], known: _Known, books: Books, now: datetime) -> Verdict:
    campaign = known.campaign
    ended = _ended(campaign, now)
    if ended is not None:
        state, reason = ended
        return Verdict(id=row.id, state=state, outcome=Outcome.BLOCK, reason=reason)
    policy = books.policy(row.country, now)
    listed = known.suppressions.get(row.contact_id, [])
    held = known.consents.get(row.contact_id, [])
    sender, sender_facts = pick_sender(campaign, known.senders, row.country, row.contact_id)
    facts = RecipientFacts(
        policy=policy,
        category=campaign.category,
        channel=campaign.channel,
        topic=campaign.topic,
        suppressed=any(
            entry.lifted_at is None and is_stopped(campaign.category, everything=entry.everything)
            for entry in listed
        ),
        opted_out_at=max((entry.since for entry in listed), default=None),
        consents=[consent.record for consent in held],
        variables_missing=row.variables_missing,
        held=row.contact_id in known.held,
        sender=sender_facts,
        template=known.template,
    )
    decision = decide_eligibility(facts, now=now)
    return _verdict(
        row.id,
        decision,
        policy=policy.version if policy else None,
        sender=sender,
        consent=_allowing(facts, held, now),
        now=now,
    )


def _allowing(facts: RecipientFacts, held: Sequence[HeldConsent], now: datetime) -> int | None:
    """The ledger event of the consent that lets the message through."""
    if facts.policy is None or facts.category not in facts.policy.consents:
        return None
    if len(held) == 1:
        return held[0].event_id
    alone = (
        consent.event_id
        for consent in held
        if isinstance(
            decide_eligibility(replace(facts, consents=[consent.record]), now=now), Proceed
        )
    )
    return next(alone, None)


def _verdict(
    message_id: int,
    decision: Decision,
    *,
    policy: str | None,
    sender: Sender | None,
    consent: int | None,
    now: datetime,
) -> Verdict:
    if isinstance(decision, Defer):
        return Verdict(
            id=message_id,
            state=MessageState.DEFERRED,
            outcome=Outcome.DEFER,
            reason=decision.reason,
            rule=decision.rule,
            policy=policy,
            not_before=decision.until or now + opt_outs.HOLD_LOOK,
        )
    if isinstance(decision, Block):
        return Verdict(
            id=message_id,
            state=MessageState.BLOCKED,
            outcome=Outcome.BLOCK,
            reason=decision.reason,
            rule=decision.rule,
            policy=policy,
        )
    return Verdict(
        id=message_id,
        state=MessageState.CONSENTED,
        outcome=Outcome.SEND,
        rule=decision.rule,
        policy=policy,
        sender_id=sender.id if sender else None,
        consent=consent,
    )


def _ended(campaign: Campaign, now: datetime) -> tuple[MessageState, Reason] | None:
    if campaign.state is CampaignState.CANCELLED:
        return MessageState.CANCELLED, Reason.CANCELLED
    if campaign.state is CampaignState.EXPIRED or (
        campaign.expires_at is not None and campaign.expires_at <= now
    ):
        return MessageState.EXPIRED, Reason.EXPIRED
    return None


def _template(campaign: Campaign, registered: Sequence[Template]) -> TemplateFacts | None:
    """The template that the campaign names; one that nobody has registered is a draft."""
    if campaign.template_code is None:
        return None
    for template in registered:
        if template.code == campaign.template_code:
            return template.facts()
    return TemplateFacts(id=campaign.template_code, status=RegistrationStatus.DRAFT)


def pick_sender(
    campaign: Campaign,
    available: Sequence[tuple[Sender, SenderFacts]],
    country: str,
    contact_id: int,
) -> tuple[Sender, SenderFacts] | tuple[None, None]:
    """The campaign's own sender, else one of the business for the channel and the country.

    A person gets every message from the same sender, so long as the business has the same ones.
    """
    if campaign.sender_code is not None:
        named = [
            pair
            for pair in available
            if pair[0].code == campaign.sender_code and pair[0].channel is campaign.channel
        ]
        return named[0] if named else (None, None)
    fitting = [
        pair
        for pair in available
        if pair[0].channel is campaign.channel and pair[0].country == country
    ]
    return fitting[contact_id % len(fitting)] if fitting else (None, None)
