"""Messages: moving them from state to state.

Every change of state is one guarded UPDATE over a whole chunk, together with the decisions that
explain it: a chunk that is worked on twice changes nothing the second time.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.engine import Connection

from pipeline.policy.vocabulary import MessageState, Outcome, Reason, Stage

READY_LIFE = timedelta(days=1)
"""How long a message may stay ready by the same decisions: a consent grows too old, a registration
ends and a rule comes into force while a sender is suspended or a campaign rests."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What a stage has decided for one message.

    Attributes:
        state: where the message goes.
        policy: the version of the rules that decided; None where no country's rule did.
        consent: the ledger event that allowed it, where one did.
        warnings: the rules that let it pass and want it to be known.
        saw: what the rule that stopped it looked at, JSON-like.
    """

    id: int
    state: MessageState
    outcome: Outcome
    reason: Reason | None = None
    rule: str | None = None
    policy: str | None = None
    sender_id: int | None = None
    not_before: datetime | None = None
    window_closes_at: datetime | None = None
    consent: int | None = None
    warnings: Sequence[str] = ()
    saw: Mapping[str, object] = field(default_factory=dict)


# Most messages of a chunk share their verdict: it travels once, and the ids point to it.
_APPLY = text(
    """
    WITH verdict AS (
        SELECT * FROM unnest(
            CAST(:states AS message_state[]), CAST(:outcomes AS text[]), CAST(:reasons AS text[]),
            CAST(:rules AS text[]), CAST(:policies AS text[]), CAST(:senders AS bigint[]),
            CAST(:not_before AS timestamptz[]), CAST(:closes AS timestamptz[]),
            CAST(:details AS jsonb[])
        ) WITH ORDINALITY AS v (state, outcome, reason, rule, policy, sender_id, not_before,
                                closes_at, detail, place)
    ), moved AS (
        UPDATE messages m
        SET state = v.state, reason = v.reason, rule = v.rule, tries = 0,
            sender_id = coalesce(v.sender_id, m.sender_id), not_before = v.not_before,
            window_closes_at = v.closes_at,
            look_again_at = CASE WHEN v.state = 'ready' THEN CAST(:again AS timestamptz) END,
            lease_until = CASE WHEN v.state = 'consented' THEN CAST(:lease AS timestamptz) END
        FROM unnest(CAST(:ids AS bigint[]), CAST(:places AS int[]), CAST(:consents AS bigint[]))
                AS i (id, place, consent)
        JOIN verdict v USING (place)
        WHERE m.id = i.id AND m.state = CAST(:from_state AS message_state)
        RETURNING m.id, v.outcome, v.reason, v.rule, v.policy, v.detail, i.consent
    ), noted AS (
        INSERT INTO decisions (message_id, decided_at, stage, outcome, reason, rule, policy, detail)
        SELECT id, :now, :stage, outcome, reason, rule, policy,
               CASE WHEN consent IS NULL THEN detail
                    ELSE coalesce(detail, '{}') || jsonb_build_object('consent', consent) END
        FROM moved
    )
    SELECT id FROM moved
    """
)


def apply(
    connection: Connection,
    verdicts: Sequence[Verdict],
    *,
    stage: Stage,
    from_state: MessageState,
    lease: datetime | None,
    now: datetime,
) -> set[int]:
    """Move the messages that are still in `from_state`, and write their decisions.

    Args:
        lease: machine instant until which those that go on (to ``consented``) belong to the
            next queue.

    Returns:
        The ids that moved.
    """
    if not verdicts:
        return set()
    # In one order, as everybody locks them who takes several.
    verdicts = sorted(verdicts, key=lambda verdict: verdict.id)
    kinds: dict[tuple[object, ...], int] = {}
    places = [kinds.setdefault(_kind(verdict), len(kinds) + 1) for verdict in verdicts]
    columns = list(zip(*kinds, strict=True))
    result = connection.execute(
        _APPLY,
        dict(zip(_KIND_COLUMNS, map(list, columns), strict=True))
        | {
            "ids": [v.id for v in verdicts],
            "places": places,
            "consents": [v.consent for v in verdicts],
            "stage": stage.value,
            "from_state": from_state.value,
            "lease": lease,
            "again": now + READY_LIFE,
            "now": now,
        },
    )
    return set(result.scalars())


_KIND_COLUMNS = (
    "states",
    "outcomes",
    "reasons",
    "rules",
    "policies",
    "senders",
    "not_before",
    "closes",
    "details",
)


def _kind(verdict: Verdict) -> tuple[object, ...]:
    return (
        verdict.state.value,
        verdict.outcome.value,
        verdict.reason,
        verdict.rule,
        verdict.policy,
        verdict.sender_id,
        verdict.not_before,
        verdict.window_closes_at,
        _detail(verdict),
    )


def _detail(verdict: Verdict) -> str | None:
    """What is written down beside the decision, as JSON."""
    detail: dict[str, object] = {}
    if verdict.saw:
        detail["saw"] = dict(verdict.saw)
    if verdict.warnings:
        detail["warnings"] = list(verdict.warnings)
    return json.dumps(detail) if detail else None
