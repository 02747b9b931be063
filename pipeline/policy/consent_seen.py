"""What a decision about consents looked at, for people who ask why."""

from collections.abc import Mapping, Sequence

from pipeline.policy.checks import Check, passed
from pipeline.policy.consent import ConsentFinding
from pipeline.policy.consent_evidence import find_missing
from pipeline.policy.consent_record import ConsentRecord
from pipeline.policy.country import ConsentRule
from pipeline.policy.decision import Proceed
from pipeline.policy.vocabulary import Question, Reason

_MOMENTS = ("granted_at", "confirmed_at", "renewed_at", "revoked_at")
LONGEST_SOURCE = 80
MOST_TOPICS = 10


def explain_consent(
    rule: ConsentRule | None, finding: ConsentFinding, records: Sequence[ConsentRecord]
) -> Mapping[str, object]:
    """What was seen of the consent that decided, JSON-like; nothing of its text or its IP address.

    Returns:
        ``consents`` (how many there are), and of the one that passed, or got furthest, its
        moments, ``method``, ``source`` and ``channel``; ``missing`` names the fields of evidence
        that it lacks, ``topics`` what it covers where that was the obstacle.
    """
    record = finding.record
    if rule is None:
        return {}
    if record is None:
        return {"consents": len(records)}
    if isinstance(finding.decision, Proceed):
        return {"granted_at": record.granted_at.isoformat() if record.granted_at else None}
    seen: dict[str, object] = {"consents": len(records)}
    for name in _MOMENTS:
        moment = getattr(record, name)
        if moment is not None:
            seen[name] = moment.isoformat()
    if record.method is not None:
        seen["method"] = record.method.value
    if record.source:
        seen["source"] = record.source[:LONGEST_SOURCE]
    return seen | _obstacle(rule, finding, record)


def demands_met(rule: ConsentRule | None, *, offline: bool) -> tuple[Check, ...]:
    """The checks of every further rule that a consent which passes has met, in their order.

    Args:
        offline: whether it was given on paper or by phone, where other evidence may be asked for.
    """
    if rule is None:
        return ()
    by_method = rule.evidence_rule
    if offline and rule.offline_evidence is not None:
        by_method = rule.offline_rule
    met = (
        rule.topic_required_rule,
        rule.double_opt_in_rule,
        by_method,
        *(more_by for _, more_by in rule.more_evidence),
        rule.pre_ticked_rule,
        rule.wording_rule if rule.wording else None,
        rule.cpf_rule,
        rule.max_age_rule if rule.max_age_months is not None else None,
    )
    rules = dict.fromkeys(one for one in met if one is not None and one != rule.rule)
    return tuple(passed(Question.CONSENT, one) for one in rules)


def is_offline(record: ConsentRecord | None) -> bool:
    """Whether the consent was given on paper or by phone."""
    return record is not None and record.method is not None and record.method.offline


def _obstacle(
    rule: ConsentRule, finding: ConsentFinding, record: ConsentRecord
) -> dict[str, object]:
    match getattr(finding.decision, "reason", None):
        case Reason.CONSENT_EVIDENCE_INCOMPLETE:
            return {"missing": [one.field for one in find_missing(record, rule)]}
        case Reason.TOPIC_MISMATCH:
            topics = sorted(record.topics or ())
            return {"topics": ["*"] if record.topics is None else topics[:MOST_TOPICS]}
        case Reason.CHANNEL_NOT_ALLOWED:
            return {"channel": record.channel.value if record.channel else "*"}
        case _:
            return {}
