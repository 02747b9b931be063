"""Senders and templates: through whom a business writes, and what was approved for it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.engine import Connection, Row

from pipeline.policy.registration import Registration
from pipeline.policy.sender import SenderFacts, SenderState
from pipeline.policy.template import TemplateFacts
from pipeline.policy.vocabulary import Category, Channel, ParameterStyle, RegistrationStatus, Tier
from pipeline.store.rule_tables import templates
from pipeline.store.tables import senders


@dataclass(frozen=True, kw_only=True, slots=True)
class Sender:
    """A number or account that a business sends from.

    Attributes:
        id: the database's number; 0 before it is stored.
        code: the public id.
        address: what the provider knows it by.
        provider: the name of the provider account in the settings.
        registration: as imported: ``kind``, ``status``, dates (ISO 8601), and the fields that
            its country asks for.
        official: whether the provider is the channel's official interface.
        region: ISO 3166 code of the country where the provider keeps the data; None: unknown.
        safeguard: what allows personal data to be kept there; None: nothing.
        daily_limit: messages in 24 hours that the provider itself allows, as far as it has told
            us; no file sets it.
    """

    id: int = 0
    code: str
    business: str
    country: str
    channel: Channel
    address: str
    provider: str
    rate_per_second: float
    tier: Tier
    state: SenderState
    state_reason: str | None = None
    registration: Mapping[str, Any] | None = None
    official: bool = True
    region: str | None = None
    safeguard: str | None = None
    daily_limit: int | None = None

    @property
    def account(self) -> str:
        """The provider account, as the settings name it."""
        return self.provider.lower()

    def facts(self) -> SenderFacts:
        """What the rules look at."""
        return SenderFacts(
            id=self.code,
            business=self.business,
            country=self.country,
            channel=self.channel,
            tier=self.tier,
            state=self.state,
            address=self.address,
            reason=self.state_reason,
            registration=_registration(self.registration),
            official=self.official,
            region=self.region,
            safeguard=self.safeguard,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """A text that was registered, with its variables as ``{name}``.

    Attributes:
        parameters: whether the provider knows the variables by their places or by their names.
    """

    code: str
    business: str
    country: str
    channel: Channel
    category: str
    language: str
    header: str | None = None
    body: str
    status: RegistrationStatus
    submitted_at: datetime | None = None
    approved_at: datetime | None = None
    last_used_at: datetime | None = None
    machine_translated: bool = False
    parameters: ParameterStyle = ParameterStyle.POSITIONAL

    def facts(self) -> TemplateFacts:
        """What the rules look at."""
        return TemplateFacts(
            id=self.code,
            status=self.status,
            header=self.header or "",
            body=self.body,
            language=self.language,
            business=self.business,
            country=self.country,
            channel=self.channel,
            category=Category(self.category),
            machine_translated=self.machine_translated,
            submitted_at=self.submitted_at,
            approved_at=self.approved_at,
            last_used_at=self.last_used_at,
        )


def _registration(stored: Mapping[str, Any] | None) -> Registration | None:
    if stored is None:
        return None
    fields = dict(stored)
    return Registration(
        kind=fields.pop("kind"),
        status=RegistrationStatus(fields.pop("status")),
        submitted_at=_instant(fields.pop("submitted_at", None)),
        approved_at=_instant(fields.pop("approved_at", None)),
        expires_at=_instant(fields.pop("expires_at", None)),
        fields=fields,
    )


def _instant(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


_SENDER_FIELDS = (
    "code",
    "business",
    "country",
    "channel",
    "address",
    "provider",
    "rate_per_second",
    "tier",
    "registration",
    "official",
    "region",
    "safeguard",
)
_SENDER_COLUMNS = ("id", "state_reason", "daily_limit", *_SENDER_FIELDS)
_TEMPLATE_FIELDS = tuple(Template.__dataclass_fields__)


def save_senders(connection: Connection, new: Sequence[Sender], *, now: datetime) -> set[str]:
    """Store senders under their codes; say which were new or changed.

    Only a new one gets its state from here: a suspension is not lifted by a file.
    """
    stored = {s.code: s for s in select_senders(connection, codes=[s.code for s in new])}
    changed = [
        sender
        for sender in new
        if sender.code not in stored
        or any(
            getattr(stored[sender.code], name) != getattr(sender, name) for name in _SENDER_FIELDS
        )
    ]
    for sender in changed:
        values = {name: getattr(sender, name) for name in _SENDER_FIELDS} | {"updated_at": now}
        connection.execute(
            upsert(senders)
            .values(values | {"state": sender.state, "state_reason": sender.state_reason})
            .on_conflict_do_update(index_elements=[senders.c.code], set_=values)
        )
    return {sender.code for sender in changed}


def select_senders(
    connection: Connection,
    *,
    codes: Collection[str] | None = None,
    ids: Collection[int] | None = None,
    businesses: Collection[str] | None = None,
    addresses: Collection[str] | None = None,
) -> list[Sender]:
    """Senders that fit every condition given, in the order of their codes; else all of them."""
    query = select(senders).order_by(senders.c.code)
    if codes is not None:
        query = query.where(senders.c.code.in_(codes))
    if ids is not None:
        query = query.where(senders.c.id.in_(ids))
    if businesses is not None:
        query = query.where(senders.c.business.in_(businesses))
    if addresses is not None:
        query = query.where(senders.c.address.in_(addresses))
    return [_sender(row) for row in connection.execute(query)]


# Locked in the order of the ids, as claims lock them.
_SET_STATE = text(
    """
    WITH held AS MATERIALIZED (
        SELECT id FROM senders
        WHERE id = ANY(CAST(:ids AS bigint[])) AND state <> :state
        ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE senders s SET state = :state, state_reason = :reason, updated_at = :now
    FROM held WHERE s.id = held.id
    RETURNING s.id
    """
)


def set_sender_state(
    connection: Connection,
    ids: Collection[int],
    state: SenderState,
    *,
    reason: str | None,
    now: datetime,
) -> set[int]:
    """Suspend senders, or lift their suspension; the ids of those that were in another state."""
    values = {"ids": list(ids), "state": state.value, "reason": reason, "now": now}
    return set(connection.execute(_SET_STATE, values).scalars())


_SUSPENDED = text("SELECT count(*) FROM senders WHERE state = 'suspended'")


def count_suspended(connection: Connection) -> int:
    """How many senders wait for a person to lift their suspension."""
    return int(connection.execute(_SUSPENDED).scalar_one())


def save_templates(connection: Connection, new: Sequence[Template], *, now: datetime) -> set[str]:
    """Store templates under (business, code); say which codes were new or changed.

    Our own sends count as use: an older date, or none, takes nothing from what is known.
    """
    stored = {
        (t.business, t.code): t for t in select_templates(connection, {t.business for t in new})
    }
    changed = [t for t in new if not _says_the_same(t, stored.get((t.business, t.code)))]
    for template in changed:
        values = {name: getattr(template, name) for name in _TEMPLATE_FIELDS} | {"updated_at": now}
        before = stored.get((template.business, template.code))
        if before is None or before.status is not template.status:
            # What a provider told before now is no news against what a person has entered.
            values["status_told_at"] = now
        insertion = upsert(templates).values(values)
        latest = func.greatest(templates.c.last_used_at, insertion.excluded.last_used_at)
        connection.execute(
            insertion.on_conflict_do_update(
                index_elements=[templates.c.business, templates.c.code],
                set_=values | {"last_used_at": latest},
            )
        )
    return {template.code for template in changed}


def _says_the_same(template: Template, stored: Template | None) -> bool:
    if stored is None:
        return False
    used, known = template.last_used_at, stored.last_used_at
    if used is not None and (known is None or used > known):
        return False
    return replace(template, last_used_at=known) == stored


def select_templates(connection: Connection, businesses: Collection[str]) -> list[Template]:
    """The templates of these businesses."""
    rows = connection.execute(select(templates).where(templates.c.business.in_(businesses)))
    return [
        Template(
            **{name: row._mapping[name] for name in _TEMPLATE_FIELDS}
            | {
                "channel": Channel(row.channel),
                "status": RegistrationStatus(row.status),
                "parameters": ParameterStyle(row.parameters),
            }
        )
        for row in rows
    ]


def _sender(row: Row[Any]) -> Sender:
    return Sender(
        **{name: row._mapping[name] for name in _SENDER_COLUMNS}
        | {
            "channel": Channel(row.channel),
            "tier": Tier(row.tier),
            "state": SenderState(row.state),
        }
    )
