"""The consent stage: may this person be written to at all, by this business, with this text?"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection, Row

from pipeline.policy.decision import Block, Defer, Proceed
from pipeline.policy.eligibility import (
    Eligibility,
    Prepared,
    allowing_consent,
    decide_eligibility,
)
from pipeline.policy.offer import Person
from pipeline.policy.vocabulary import CampaignState, MessageState, Outcome, Reason, Stage
from pipeline.stages.books import Books
from pipeline.stages.facts import Facts, Recipient, gather
from pipeline.store import campaigns, messages, opt_outs
from pipeline.store.campaigns import Campaign
from pipeline.store.consents import HeldConsent
from pipeline.store.messages import Verdict
from pipeline.store.senders import Sender

_LOAD = text(
    """
    SELECT m.id, m.campaign_id, m.contact_id, t.country, t.phone,
           CASE WHEN c.variables <> '{}' THEN m.variables END AS variables
    FROM messages m
    JOIN campaigns c ON c.id = m.campaign_id
    JOIN contacts t ON t.id = m.contact_id
    WHERE m.id = ANY(CAST(:ids AS bigint[])) AND m.state = 'accepted'
    """
)


def run(
    connection: Connection, ids: Sequence[int], *, books: Books, now: datetime, lease: datetime
) -> list[int]:
    """Decide for the accepted messages among `ids`; return those that go on to the window stage."""
    by_campaign: dict[int, list[Row[tuple[object, ...]]]] = {}
    for row in connection.execute(_LOAD, {"ids": list(ids)}):
        by_campaign.setdefault(row.campaign_id, []).append(row)
    verdicts: list[Verdict] = []
    for campaign in campaigns.by_ids(connection, by_campaign).values():
        recipients = {row.id: _recipient(row) for row in by_campaign[campaign.id]}
        facts = gather(connection, campaign, list(recipients.values()), books=books, now=now)
        verdicts += [_decide(message_id, one, facts) for message_id, one in recipients.items()]
    moved = messages.apply(
        connection,
        verdicts,
        stage=Stage.CONSENT,
        from_state=MessageState.ACCEPTED,
        lease=lease,
        now=now,
    )
    return [v.id for v in verdicts if v.id in moved and v.state is MessageState.CONSENTED]


def _recipient(row: Row[tuple[object, ...]]) -> Recipient:
    return Recipient(
        contact_id=row.contact_id,
        country=row.country,
        phone=row.phone,
        values=row.variables or {},
    )


def _decide(message_id: int, recipient: Recipient, facts: Facts) -> Verdict:
    now = facts.now
    ended = _ended(facts.campaign, now)
    if ended is not None:
        state, reason = ended
        return Verdict(id=message_id, state=state, outcome=Outcome.BLOCK, reason=reason)
    prepared = facts.prepared(recipient)
    if prepared is None:
        nowhere = Eligibility(decision=Block(reason=Reason.NO_POLICY))
        return _verdict(message_id, nowhere, policy=None, sender=None, consent=None, now=now)
    person = facts.person(recipient, prepared)
    found = decide_eligibility(prepared, person, now=now)
    if (
        facts.campaign.waits_for_template
        and isinstance(found.decision, Block)
        and found.decision.reason is Reason.TEMPLATE_UNAPPROVED
    ):
        # It goes on when the provider approves the template again.
        found = replace(found, decision=Defer(until=None, reason=Reason.PAUSED))
    consent = None
    if isinstance(found.decision, Proceed):
        held = facts.consents.get(recipient.contact_id, [])
        consent = _allowing(prepared, person, held, now)
    return _verdict(
        message_id,
        found,
        policy=prepared.offer.policy.version,
        sender=facts.sender_of(recipient),
        consent=consent,
        now=now,
    )


def _allowing(
    prepared: Prepared, person: Person, held: Sequence[HeldConsent], now: datetime
) -> int | None:
    """The ledger event of the consent that lets the message through."""
    if len(held) == 1 and prepared.asks_for_consent:
        return held[0].event_id
    record = allowing_consent(prepared, person, now=now)
    return next((consent.event_id for consent in held if consent.record is record), None)


def _verdict(
    message_id: int,
    found: Eligibility,
    *,
    policy: str | None,
    sender: Sender | None,
    consent: int | None,
    now: datetime,
) -> Verdict:
    decision = found.decision
    if isinstance(decision, Defer):
        return Verdict(
            id=message_id,
            state=MessageState.DEFERRED,
            outcome=Outcome.DEFER,
            reason=decision.reason,
            rule=decision.rule,
            policy=policy,
            not_before=decision.until or now + opt_outs.HOLD_LOOK,
            warnings=found.warnings,
            saw=found.saw,
        )
    if isinstance(decision, Block):
        return Verdict(
            id=message_id,
            state=MessageState.BLOCKED,
            outcome=Outcome.BLOCK,
            reason=decision.reason,
            rule=decision.rule,
            policy=policy,
            warnings=found.warnings,
            saw=found.saw,
        )
    return Verdict(
        id=message_id,
        state=MessageState.CONSENTED,
        outcome=Outcome.SEND,
        rule=decision.rule,
        policy=policy,
        sender_id=sender.id if sender else None,
        consent=consent,
        warnings=found.warnings,
    )


def _ended(campaign: Campaign, now: datetime) -> tuple[MessageState, Reason] | None:
    if campaign.state is CampaignState.CANCELLED:
        return MessageState.CANCELLED, Reason.CANCELLED
    if campaign.state is CampaignState.EXPIRED or (
        campaign.expires_at is not None and campaign.expires_at <= now
    ):
        return MessageState.EXPIRED, Reason.EXPIRED
    return None
