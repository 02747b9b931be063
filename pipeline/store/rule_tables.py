"""The tables of what rules look at beside messages and consents; in the metadata of ``tables``.

Templates, wishes of people, public block lists, what each sender did by the hour, and who changed
what.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from pipeline.store.tables import Instant, metadata

templates = Table(
    "templates",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("code", Text, nullable=False),
    Column("business", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("header", Text),
    Column("body", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("submitted_at", Instant),
    Column("approved_at", Instant),
    Column("last_used_at", Instant),
    Column("machine_translated", Boolean, nullable=False, server_default=text("false")),
    Column(
        "parameters",
        Text,
        nullable=False,
        server_default=text("'positional'"),
        comment="or named: how the provider knows its variables",
    ),
    Column("status_told_at", Instant, comment="the provider's time of its last word on the status"),
    Column("updated_at", Instant, nullable=False),
    UniqueConstraint("business", "code"),
)

preferences = Table(
    "preferences",
    metadata,
    Column("contact_id", BigInteger, ForeignKey("contacts.id"), primary_key=True),
    Column("business", Text, primary_key=True),
    Column("channels", ARRAY(Text), comment="null: any"),
    Column("topics", ARRAY(Text), comment="null: any"),
    Column("hours", JSONB, comment="weekday (0 = Monday) to its spans; null: any"),
    Column("recorded_at", Instant, nullable=False),
)

block_list_entries = Table(
    "block_list_entries",
    metadata,
    Column("contact_id", BigInteger, ForeignKey("contacts.id"), primary_key=True),
    Column("list", Text, primary_key=True, comment="the list's name, as an overlay has it"),
    Column("since", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
)

sender_hours = Table(
    "sender_hours",
    metadata,
    Column("sender_id", BigInteger, ForeignKey("senders.id"), primary_key=True),
    Column("hour", Instant, primary_key=True, comment="the start of the hour counted"),
    Column("sent", Integer, nullable=False, comment="messages that a provider took"),
    Column("violations", Integer, nullable=False, comment="those that it refused as violating"),
)

audit_events = Table(
    "audit_events",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("occurred_at", Instant, nullable=False),
    Column("actor", Text, nullable=False, comment="a person's name, or the part of Recado"),
    Column("action", Text, nullable=False, comment="sender_suspended, sender_lifted, ..."),
    Column("subject", Text, nullable=False, comment="the public id of what was changed"),
    Column("reason", Text, nullable=False),
    Column("rule", Text),
    Column("policy", Text, comment="the version of the rules that were applied"),
    Column("detail", JSONB, comment="what was seen"),
    Index("ix_audit_events_subject", "subject", "id"),
)

# One row: what a ledger whose last events were removed would no longer agree with.
consent_ledger = Table(
    "consent_ledger",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("events", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False, comment="of the last event"),
    CheckConstraint("id = 1", name="one_row"),
)
