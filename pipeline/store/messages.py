"""Messages: taking them in, and moving them from state to state.

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
class Incoming:
    """A recipient's row on its way into the database.

    Attributes:
        key: the producer's id, or the number: unique in the campaign.
        position: the row's place in the producer's file, to tell a repetition of the chunk
            (same place) from a person named twice (another place); None: unknown.
        recipient: the raw ``to``; kept only when there is no contact.
        blocked: why it is blocked on arrival; None: it is accepted.
        detail: what was wrong, in words.
    """

    campaign_id: int
    key: str
    contact_id: int | None
    position: int | None
    recipient: str | None
    timezone: str | None
    language: str | None
    variables: Mapping[str, str] | None
    blocked: Reason | None = None
    detail: str | None = None


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


_TAKE_IN = text(
    """
    WITH incoming AS (
        SELECT * FROM unnest(
            CAST(:campaign_ids AS bigint[]), CAST(:contact_ids AS bigint[]),
            CAST(:keys AS text[]), CAST(:positions AS bigint[]), CAST(:recipients AS text[]),
            CAST(:timezones AS text[]), CAST(:languages AS text[]), CAST(:variables AS jsonb[]),
            CAST(:reasons AS text[]), CAST(:details AS text[])
        ) AS i (campaign_id, contact_id, key, position, recipient, timezone, language,
                variables, reason, detail)
    ), taken AS (
        INSERT INTO messages (campaign_id, contact_id, key, position, recipient, timezone,
                              language, variables, state, reason, lease_until, created_at)
        SELECT campaign_id, contact_id, key, position, recipient, timezone, language, variables,
               CAST(CASE WHEN reason IS NULL THEN 'accepted' ELSE 'blocked' END AS message_state),
               reason, CASE WHEN reason IS NULL THEN CAST(:lease AS timestamptz) END, :now
        FROM incoming
        ON CONFLICT (campaign_id, key) DO NOTHING
        RETURNING id, campaign_id, key, state
    ), noted AS (
        INSERT INTO decisions (message_id, decided_at, stage, outcome, reason, detail)
        SELECT DISTINCT ON (taken.id) taken.id, :now, 'intake', 'block', incoming.reason,
               jsonb_build_object('explanation', incoming.detail)
        FROM taken JOIN incoming USING (campaign_id, key) WHERE taken.state = 'blocked'
        ORDER BY taken.id  -- a chunk may hold the same bad row twice
    )
    SELECT id, campaign_id, key, state FROM taken
    """
)

_PLACES = text(
    """
    SELECT m.campaign_id, m.key, m.position
    FROM unnest(CAST(:campaign_ids AS bigint[]), CAST(:keys AS text[])) AS k (campaign_id, key)
    JOIN messages m USING (campaign_id, key)
    """
)


def take_in(
    connection: Connection, rows: Sequence[Incoming], *, lease: datetime, now: datetime
) -> list[int]:
    """Store the rows that are new; say which of them go on to the first stage.

    A row whose key the campaign has already is the same message again and is left out, unless
    both rows know their place in the producer's file and the places differ: then the person was
    named twice, and the second row becomes a message blocked as ``duplicate``.
    """
    accepted = _insert(connection, rows, lease=lease, now=now)
    if len(accepted.known) == len(rows):
        return accepted.ids
    repeated = _named_twice(connection, rows)
    if repeated:
        _insert(connection, repeated, lease=lease, now=now)
    return accepted.ids


@dataclass(frozen=True, slots=True)
class _Taken:
    known: list[tuple[int, str]]
    ids: list[int]


def _insert(
    connection: Connection, rows: Sequence[Incoming], *, lease: datetime, now: datetime
) -> _Taken:
    result = connection.execute(
        _TAKE_IN,
        {
            "campaign_ids": [row.campaign_id for row in rows],
            "contact_ids": [row.contact_id for row in rows],
            "keys": [row.key for row in rows],
            "positions": [row.position for row in rows],
            "recipients": [row.recipient for row in rows],
            "timezones": [row.timezone for row in rows],
            "languages": [row.language for row in rows],
            "variables": [
                None if row.variables is None else json.dumps(row.variables) for row in rows
            ],
            "reasons": [row.blocked for row in rows],
            "details": [row.detail for row in rows],
            "lease": lease,
            "now": now,
        },
    ).all()
    return _Taken(
        known=[(row.campaign_id, row.key) for row in result],
        ids=[row.id for row in result if row.state == MessageState.ACCEPTED],
    )


def _named_twice(connection: Connection, rows: Sequence[Incoming]) -> list[Incoming]:
    placed = [row for row in rows if row.position is not None]
    stored = connection.execute(
        _PLACES,
        {"campaign_ids": [row.campaign_id for row in placed], "keys": [row.key for row in placed]},
    )
    places = {(row.campaign_id, row.key): row.position for row in stored}
    return [
        Incoming(
            campaign_id=row.campaign_id,
            key=f"{row.key}#{row.position}",
            contact_id=row.contact_id,
            position=row.position,
            recipient=row.recipient,
            timezone=row.timezone,
            language=row.language,
            variables=None,
            blocked=Reason.DUPLICATE,
            detail="the campaign has this recipient already, from another row",
        )
        for row in placed
        if places.get((row.campaign_id, row.key)) not in (None, row.position)
    ]


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
