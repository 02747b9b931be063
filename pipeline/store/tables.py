"""The tables. PostgreSQL is the truth: what is not here did not happen.

Two kinds of instant stand in them. Columns ending in ``_at`` or named ``not_before``/``since``
are business time; ``lease_until`` is machine time: until then a row belongs to a queue, a worker
or a back-off; afterwards it comes back by itself.

What people send us stands in ``inbound_tables``, what rules look at besides in ``rule_tables``,
what delivery remembers of providers in ``provider_tables``, what caps and quotas have used in
``count_tables``, all in the same metadata.

``messages`` and ``decisions`` take thousands of rows a second and have no foreign keys: the stages
have made the check already. What makes both stay fast as they grow stands in ``large_tables``.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Enum,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from pipeline.policy.vocabulary import MessageState

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Instant = DateTime(timezone=True)

message_state = Enum(
    MessageState,
    name="message_state",
    values_callable=lambda states: [state.value for state in states],
    metadata=metadata,
)


def _id() -> Column[int]:
    return Column("id", BigInteger, Identity(always=False, cache=1000), primary_key=True)


campaigns = Table(
    "campaigns",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("code", Text, nullable=False, unique=True, comment="the public id"),
    Column("name", Text, nullable=False),
    Column("business", Text, nullable=False),
    Column("brand", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("topic", Text),
    Column("sender_code", Text),
    Column("starts_at", Instant),
    Column("expires_at", Instant),
    Column("body", Text, nullable=False),
    Column("template_code", Text),
    Column("media_url", Text, comment="a picture, a film or a document that goes with it"),
    Column("variables", ARRAY(Text), nullable=False, comment="names that the body needs"),
    Column("machine_translated", Boolean, nullable=False, server_default=text("false")),
    Column("disclosures", JSONB, nullable=False, server_default=text("'{}'")),
    Column("state", Text, nullable=False, server_default=text("'active'")),
    Column("state_reason", Text),
    Column("state_changed_at", Instant),
    Column("swept", Boolean, nullable=False, server_default=text("false")),
    Column("created_at", Instant, nullable=False),
)

contacts = Table(
    "contacts",
    metadata,
    _id(),
    Column("phone", Text, unique=True, comment="E.164; null once the person's data is erased"),
    Column("region", Text, nullable=False, comment="where the number is from, e.g. PR"),
    Column("country", Text, nullable=False, comment="whose policy applies, e.g. US"),
    Column("state", Text, comment="the country's subdivision, where the number gives it"),
    Column("zones", ARRAY(Text), nullable=False, comment="every zone the person may be in"),
    Column("created_at", Instant, nullable=False),
)

_IN_POOL = text("state = 'ready' AND lease_until IS NULL")

messages = Table(
    "messages",
    metadata,
    _id(),
    Column("campaign_id", BigInteger, nullable=False),
    Column("contact_id", BigInteger),
    Column("key", Text, nullable=False, comment="the producer's id, or the number"),
    Column("position", BigInteger, comment="the row's place in the producer's file"),
    Column("recipient", Text, comment="as received; only where no contact could be made of it"),
    Column("timezone", Text, comment="the person's own zone, as the producer knows it"),
    Column("language", Text),
    Column("variables", JSONB),
    Column("state", message_state, nullable=False),
    Column("reason", Text),
    Column("rule", Text),
    Column("sender_id", BigInteger),
    Column("not_before", Instant),
    Column("window_closes_at", Instant),
    Column("look_again_at", Instant, comment="until when a ready message's decisions hold"),
    Column("lease_until", Instant),
    Column(
        "tries",
        SmallInteger,
        nullable=False,
        server_default=text("0"),
        comment="how often it was taken up since it last moved on",
    ),
    Column("in_doubt_at", Instant, comment="the claim whose end nobody knows"),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("refusals", SmallInteger, nullable=False, server_default=text("0")),
    Column("provider_id", Text),
    Column("sent_at", Instant),
    Column("delivered_at", Instant),
    Column("read_at", Instant),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("campaign_id", "key"),
    Index("ix_messages_contact", "contact_id"),  # what a STOP cancels, and `recado explain`
    # What dispatch gives out: by sender, then by campaign, oldest first.
    Index(
        "ix_messages_ready",
        "sender_id",
        "campaign_id",
        "id",
        postgresql_where=_IN_POOL,
    ),
    # What waits for its time.
    Index("ix_messages_deferred", "not_before", postgresql_where=text("state = 'deferred'")),
    # What waits in an open window that may close on it, or by decisions that may grow too old.
    Index(
        "ix_messages_window",
        text("least(window_closes_at, look_again_at)"),
        postgresql_where=_IN_POOL,
    ),
    # Of what nobody knows whether it was sent: the oldest first.
    Index("ix_messages_in_doubt", "in_doubt_at", postgresql_where=text("state = 'in_doubt'")),
    # What was set aside and waits for an operator; one that was dropped has no tries.
    Index("ix_messages_set_aside", "id", postgresql_where=text("state = 'failed' AND tries > 0")),
    # Whose lease ran out; and how much each sender has been given and not yet sent.
    Index(
        "ix_messages_lease",
        "state",
        "lease_until",
        "sender_id",
        postgresql_where=text("lease_until IS NOT NULL"),
    ),
    # What was sent of late: a page's worth of index for 128 pages of messages.
    Index(
        "ix_messages_sent",
        "sent_at",
        postgresql_using="brin",
        postgresql_with={"autosummarize": "on"},
    ),
)

decisions = Table(
    "decisions",
    metadata,
    Column("message_id", BigInteger, nullable=False),
    Column("decided_at", Instant, nullable=False),
    Column("stage", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text),
    Column("rule", Text),
    Column("policy", Text, comment="the version of the rules that were applied"),
    Column("detail", JSONB, comment="what the rule saw"),
    Index("ix_decisions_message", "message_id"),
    postgresql_partition_by="RANGE (decided_at)",
)

consent_events = Table(
    "consent_events",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("contact_id", BigInteger, ForeignKey("contacts.id"), nullable=False),
    Column("business", Text, nullable=False),
    Column("kind", Text, nullable=False, comment="granted, confirmed, renewed, revoked, expired"),
    Column("category", Text, nullable=False),
    Column("channel", Text, nullable=False, comment="* means every channel"),
    Column("topics", ARRAY(Text), nullable=False, comment="{*} means every topic"),
    Column("occurred_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("evidence", JSONB, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False, unique=True),
    Column("version", SmallInteger, nullable=False, comment="what the hash covers"),
    Column("granted_at", Instant, comment="the grant that it concerns; null: none is named"),
    Column("previous_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Index("ix_consent_events_contact", "contact_id"),
)

consents = Table(
    "consents",
    metadata,
    Column("contact_id", BigInteger, ForeignKey("contacts.id"), primary_key=True),
    Column("business", Text, primary_key=True),
    Column("category", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("topic", Text, primary_key=True),
    Column("event_id", BigInteger, nullable=False, comment="the event it derives from"),
    Column("granted_at", Instant),
    Column("confirmed_at", Instant),
    Column("renewed_at", Instant),
    Column("revoked_at", Instant),
    Column("evidence", JSONB, nullable=False),
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("contact_id", BigInteger, ForeignKey("contacts.id"), primary_key=True),
    Column("business", Text, primary_key=True, comment="* means every business"),
    Column("reason", Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("source", Text, nullable=False),
    Column(
        "everything",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="transactional messages too (a wrong number), not only what a STOP ends",
    ),
    Column("lifted_at", Instant),
    Column("recorded_at", Instant, nullable=False),
)

senders = Table(
    "senders",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("business", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("rate_per_second", Float, nullable=False),
    Column("tier", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("state_reason", Text),
    Column("registration", JSONB),
    Column("official", Boolean, nullable=False, comment="the channel's official interface"),
    Column("region", Text, comment="where the provider keeps the data"),
    Column("safeguard", Text, comment="what allows the data to be there"),
    Column(
        "daily_limit",
        Integer,
        comment="the provider's own: messages in 24 hours; null: none that we know",
    ),
    Column("limit_told_at", Instant, comment="the provider's time of its last word on the limit"),
    Column("updated_at", Instant, nullable=False),
    CheckConstraint("rate_per_second > 0", name="rate_positive"),
    Index("ix_senders_business", "business", "channel", "country"),
)

clock_origins = Table(
    "clock_origins",
    metadata,
    Column("start", Instant, primary_key=True),
    Column("speed", Float, primary_key=True),
    Column("origin", Instant, nullable=False, comment="machine time at which it showed start"),
)
