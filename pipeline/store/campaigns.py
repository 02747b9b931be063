"""Campaigns: what is said, by whom, to whom it may be said, and until when."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.engine import Connection, Row

from pipeline.policy.content.text import CampaignText
from pipeline.policy.offer import CampaignFacts
from pipeline.policy.vocabulary import CampaignState, Category, Channel, ParameterStyle
from pipeline.store.rule_tables import templates
from pipeline.store.tables import campaigns

TEMPLATE_PAUSE = "template: "
"""What the reason of a pause begins with that ends when the provider approves the template."""


@dataclass(frozen=True, slots=True)
class RegisteredText:
    """What a campaign's template says, as it was registered.

    Attributes:
        language: its tag as registered, which may say less or more than the campaign's.
    """

    body: str
    language: str
    parameters: ParameterStyle


@dataclass(frozen=True, kw_only=True, slots=True)
class Campaign:
    """One campaign as the stages see it.

    Attributes:
        id: the database's number; 0 before it is stored.
        code: the public id.
        variables: the names that the body needs from each recipient.
        expires_at: nothing leaves at or past this instant; None: never expires.
        media_url: a picture, a film or a document that goes with it; None: nothing does.
        registered: its template's text; None: it names none, or nobody has registered it.
    """

    id: int = 0
    code: str
    name: str
    business: str
    brand: str
    category: Category
    channel: Channel
    language: str
    topic: str | None = None
    sender_code: str | None = None
    starts_at: datetime | None = None
    expires_at: datetime | None = None
    body: str
    template_code: str | None = None
    media_url: str | None = None
    variables: tuple[str, ...] = ()
    machine_translated: bool = False
    disclosures: Mapping[str, str] = field(default_factory=dict)
    state: CampaignState = CampaignState.ACTIVE
    state_reason: str | None = None
    registered: RegisteredText | None = None

    @property
    def waits_for_template(self) -> bool:
        """Whether it is paused until the provider approves its template again."""
        reason = self.state_reason or ""
        return self.state is CampaignState.PAUSED and reason.startswith(TEMPLATE_PAUSE)

    def facts(self) -> CampaignFacts:
        """What the rules look at."""
        return CampaignFacts(
            business=self.business,
            category=self.category,
            channel=self.channel,
            text=CampaignText(
                brand=self.brand,
                category=self.category,
                language=self.language,
                body=self.body,
                variables=self.variables,
                disclosures=tuple(sorted(self.disclosures.items())),
                machine_translated=self.machine_translated,
            ),
            topic=self.topic,
        )


class CampaignExistsError(Exception):
    """Another campaign with this id and other contents is stored already."""


_CONTENT_FIELDS = (
    "name",
    "business",
    "brand",
    "category",
    "channel",
    "language",
    "topic",
    "sender_code",
    "starts_at",
    "expires_at",
    "body",
    "template_code",
    "media_url",
    "machine_translated",
    "disclosures",
)


def create(connection: Connection, campaign: Campaign, *, now: datetime) -> Campaign:
    """Store the campaign; storing the same one again returns the stored one.

    Raises:
        CampaignExistsError: the id is taken by a campaign that differs.
    """
    values = {name: getattr(campaign, name) for name in _CONTENT_FIELDS}
    values |= {
        "code": campaign.code,
        "variables": list(campaign.variables),
        "disclosures": dict(campaign.disclosures),
        "state": campaign.state.value,
        "created_at": now,
    }
    connection.execute(upsert(campaigns).values(values).on_conflict_do_nothing())
    stored = by_codes(connection, [campaign.code])[campaign.code]
    for name in _CONTENT_FIELDS:
        if getattr(stored, name) != getattr(campaign, name):
            raise CampaignExistsError(
                f"campaign {campaign.code!r} exists already with another {name}; "
                "give this one another id, or leave the id out"
            )
    return stored


def by_codes(connection: Connection, codes: Collection[str]) -> dict[str, Campaign]:
    """The campaigns with these public ids; unknown ones are left out."""
    rows = connection.execute(_CAMPAIGNS.where(campaigns.c.code.in_(codes)))
    return {row.code: _from_row(row) for row in rows}


def by_ids(connection: Connection, ids: Collection[int]) -> dict[int, Campaign]:
    """The campaigns with these database numbers."""
    rows = connection.execute(_CAMPAIGNS.where(campaigns.c.id.in_(ids)))
    return {row.id: _from_row(row) for row in rows}


def every(connection: Connection) -> Sequence[Campaign]:
    """All campaigns, newest first."""
    rows = connection.execute(_CAMPAIGNS.order_by(campaigns.c.id.desc()))
    return [_from_row(row) for row in rows]


def set_state(
    connection: Connection, code: str, state: CampaignState, *, reason: str | None, now: datetime
) -> bool:
    """Pause, resume or cancel; a cancelled or expired campaign stays what it is.

    Returns:
        Whether it has changed; one that is in `state` already keeps its reason, but for a pause
        that a template's approval would end: who pauses it besides wants it to last.
    """
    final = (CampaignState.CANCELLED.value, CampaignState.EXPIRED.value)
    waiting = and_(
        campaigns.c.state == CampaignState.PAUSED.value,
        campaigns.c.state_reason.startswith(TEMPLATE_PAUSE, autoescape=True),
    )
    result = connection.execute(
        update(campaigns)
        .where(
            campaigns.c.code == code,
            campaigns.c.state.not_in(final),
            or_(campaigns.c.state != state.value, waiting),
        )
        .values(state=state.value, state_reason=reason, state_changed_at=now)
    )
    return result.rowcount > 0


_COUNTS = text(
    """
    SELECT state, reason, sum(messages)::bigint AS messages FROM (
        SELECT state::text, reason, count(*) AS messages FROM messages WHERE campaign_id = :id
        GROUP BY state, reason
        UNION ALL
        SELECT state, nullif(reason, ''), messages FROM campaign_totals WHERE campaign_id = :id
    ) parts
    GROUP BY state, reason
    """
)


def counts(connection: Connection, campaign_id: int) -> dict[tuple[str, str | None], int]:
    """How many of the campaign's messages are in each (state, reason), removed ones included."""
    rows = connection.execute(_COUNTS, {"id": campaign_id})
    return {(row.state, row.reason): row.messages for row in rows}


_CAMPAIGNS = select(
    campaigns,
    templates.c.body.label("registered_body"),
    templates.c.language.label("registered_language"),
    templates.c.parameters.label("registered_parameters"),
).outerjoin(
    templates,
    and_(
        templates.c.business == campaigns.c.business,
        templates.c.code == campaigns.c.template_code,
    ),
)


def _from_row(row: Row[Any]) -> Campaign:
    values = row._asdict()
    registered = None
    if row.registered_body is not None:
        style = ParameterStyle(row.registered_parameters)
        registered = RegisteredText(row.registered_body, row.registered_language, style)
    return Campaign(
        **{name: values[name] for name in ("id", "code", "state_reason", *_CONTENT_FIELDS)}
        | {
            "category": Category(values["category"]),
            "channel": Channel(values["channel"]),
            "variables": tuple(values["variables"]),
            "state": CampaignState(values["state"]),
            "registered": registered,
        }
    )
