"""Whether somebody's consent lets a message through."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.policy.consent_evidence import find_missing, is_written
from pipeline.policy.consent_record import ConsentRecord
from pipeline.policy.country import ConsentRule
from pipeline.policy.decision import Block, Decision, Proceed
from pipeline.policy.instants import add_months, in_utc
from pipeline.policy.vocabulary import Channel, Reason
from pipeline.policy.wording import states_wording

__all__ = ["ConsentFinding", "ConsentRecord", "decide_consent", "expiry_of", "find_consent"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsentFinding:
    """A decision, and what it was made by.

    Attributes:
        record: the consent that lets the message through, or that got furthest; None: none counts
            at all, or none is asked for.
    """

    decision: Decision
    record: ConsentRecord | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """What one message asks of a consent record."""

    rule: ConsentRule
    channel: Channel
    topic: str | None
    now: datetime


def decide_consent(
    rule: ConsentRule | None,
    records: Sequence[ConsentRecord],
    *,
    channel: Channel,
    topic: str | None,
    opted_out_at: datetime | None,
    now: datetime,
) -> Decision:
    """The decision of `find_consent`."""
    return find_consent(
        rule, records, channel=channel, topic=topic, opted_out_at=opted_out_at, now=now
    ).decision


def find_consent(
    rule: ConsentRule | None,
    records: Sequence[ConsentRecord],
    *,
    channel: Channel,
    topic: str | None,
    opted_out_at: datetime | None,
    now: datetime,
) -> ConsentFinding:
    """Proceed when one record passes every check, else block for the record that got furthest.

    Args:
        rule: the country's rule for the message's category; None: no consent is asked for.
        records: the person's consents to this business for this category, in any order.
        channel: how the message travels.
        topic: the campaign's topic, compared without case.
        opted_out_at: when the person last opted out of the business. A consent counts only when
            it was granted after that: renewing or importing an older one does not undo it.
        now: the instant of the decision.

    Raises:
        ValueError: an instant is naive.
    """
    if rule is None:
        return ConsentFinding(decision=Proceed())
    asked = _Asked(rule=rule, channel=channel, topic=topic, now=in_utc(now))
    left_at = None if opted_out_at is None else in_utc(opted_out_at)
    furthest = -1
    found = ConsentFinding(decision=Block(reason=Reason.NO_CONSENT, rule=rule.rule))
    for record in records:
        if not _counts(record, left_at, asked.now):
            continue
        passed, block = _first_failure(record, asked)
        if block is None:
            return ConsentFinding(decision=Proceed(rule=rule.rule), record=record)
        if passed > furthest:
            furthest, found = passed, ConsentFinding(decision=block, record=record)
    return found


def may_lapse(rule: ConsentRule | None, records: Sequence[ConsentRecord]) -> bool:
    """Whether a consent that lets a message through now may not do so any more later.

    One grows too old where the country says so, or its end is known already.
    """
    if rule is None:
        return False
    return rule.max_age_months is not None or any(one.revoked_at is not None for one in records)


def _counts(record: ConsentRecord, opted_out_at: datetime | None, now: datetime) -> bool:
    """Whether the record can be looked at: not granted in the future, nor before an opt-out."""
    if record.granted_at is None:
        # Nobody can tell whether it came after the opt-out.
        return opted_out_at is None
    granted_at = in_utc(record.granted_at)
    return granted_at <= now and (opted_out_at is None or granted_at > opted_out_at)


def _first_failure(record: ConsentRecord, asked: _Asked) -> tuple[int, Block | None]:
    """How many checks the record passed, and the first that it did not."""
    for passed, check in enumerate(_CHECKS):
        block = check(record, asked)
        if block is not None:
            return passed, block
    return len(_CHECKS), None


def _check_revoked(record: ConsentRecord, asked: _Asked) -> Block | None:
    if record.revoked_at is None or in_utc(record.revoked_at) > asked.now:
        return None
    return Block(reason=Reason.CONSENT_REVOKED, rule=asked.rule.rule)


def _check_channel(record: ConsentRecord, asked: _Asked) -> Block | None:
    if record.channel is None or record.channel is asked.channel:
        return None
    return Block(reason=Reason.CHANNEL_NOT_ALLOWED, rule=asked.rule.rule)


def _check_topic(record: ConsentRecord, asked: _Asked) -> Block | None:
    required_by = asked.rule.topic_required_rule
    if asked.topic is None:
        matches = required_by is None
    elif record.topics is None:
        matches = True
    else:
        named = {topic.strip().casefold() for topic in record.topics}
        matches = asked.topic.strip().casefold() in named
    if matches:
        return None
    return Block(reason=Reason.TOPIC_MISMATCH, rule=required_by or asked.rule.rule)


def _check_confirmed(record: ConsentRecord, asked: _Asked) -> Block | None:
    required_by = asked.rule.double_opt_in_rule
    if required_by is None:
        return None
    unconfirmed = Block(reason=Reason.CONSENT_UNCONFIRMED, rule=required_by)
    if record.confirmed_at is None:
        return unconfirmed
    confirmed_at = in_utc(record.confirmed_at)
    if confirmed_at > asked.now:
        return unconfirmed
    # A step taken before the grant confirmed some earlier consent.
    too_early = record.granted_at is not None and confirmed_at < in_utc(record.granted_at)
    return unconfirmed if too_early else None


def _check_evidence(record: ConsentRecord, asked: _Asked) -> Block | None:
    missing = find_missing(record, asked.rule)
    if not missing:
        return None
    return Block(reason=Reason.CONSENT_EVIDENCE_INCOMPLETE, rule=missing[0].rule)


def _check_valid(record: ConsentRecord, asked: _Asked) -> Block | None:
    rule = asked.rule
    if rule.pre_ticked_rule is not None and record.pre_ticked:
        return Block(reason=Reason.CONSENT_INVALID, rule=rule.pre_ticked_rule)
    if rule.wording and not states_wording(record.text or "", rule.wording, rule.wording_negations):
        return Block(reason=Reason.CONSENT_INVALID, rule=rule.wording_rule)
    if rule.cpf_rule is not None and not record.cpf_valid:
        return Block(reason=Reason.CONSENT_INVALID, rule=rule.cpf_rule)
    if rule.written_rule is not None and not is_written(record):
        return Block(reason=Reason.CONSENT_INVALID, rule=rule.written_rule)
    return None


def _check_age(record: ConsentRecord, asked: _Asked) -> Block | None:
    if asked.rule.max_age_months is None:
        return None
    expires_at = expiry_of(record, asked.rule.max_age_months, now=asked.now)
    if expires_at is not None and asked.now <= expires_at:
        return None
    return Block(reason=Reason.CONSENT_EXPIRED, rule=asked.rule.max_age_rule)


def expiry_of(record: ConsentRecord, months: int, *, now: datetime) -> datetime | None:
    """The last instant at which a consent given or renewed by `now` is young enough.

    Args:
        months: how many calendar months a consent counts.

    Returns:
        None: it was not given by `now`, or nobody knows when.
    """
    given = [in_utc(moment) for moment in (record.granted_at, record.renewed_at) if moment]
    past = [moment for moment in given if moment <= in_utc(now)]
    return add_months(max(past), months) if past else None


_CHECKS: tuple[Callable[[ConsentRecord, _Asked], Block | None], ...] = (
    _check_revoked,
    _check_channel,
    _check_topic,
    _check_confirmed,
    _check_evidence,
    _check_valid,
    _check_age,
)
"""In the order in which they are reported: a record that fails a later one got further."""
