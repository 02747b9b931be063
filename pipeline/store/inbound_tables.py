"""The tables of what people send us: replies, opt-outs, what we answer, what waits for a person.

Their instants are as in ``tables``: ``_at`` is business time, ``lease_until`` machine time.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from pipeline.store.tables import Instant, metadata

contact_identities = Table(
    "contact_identities",
    metadata,
    Column("account", Text, primary_key=True, comment="within which the id is valid"),
    Column("user_id", Text, primary_key=True, comment="the provider's id of the person"),
    Column("contact_id", BigInteger, ForeignKey("contacts.id"), nullable=False),
    Column("created_at", Instant, nullable=False),
    Index("ix_contact_identities_contact", "contact_id"),
)

inbound_messages = Table(
    "inbound_messages",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("source", Text, nullable=False, comment="the provider's account that brought it"),
    Column("provider_id", Text, nullable=False),
    Column("kind", Text, nullable=False, server_default=text("'reply'")),
    Column("contact_id", BigInteger, ForeignKey("contacts.id")),
    Column(
        "businesses",
        ARRAY(Text),
        nullable=False,
        server_default=text("'{}'"),
        comment="whom it concerns; {*}: the address is nobody's, so everybody",
    ),
    Column("sender_id", BigInteger, comment="our sender that received it"),
    Column("channel", Text),
    Column("address", Text, nullable=False, comment="our sender's address that it was sent to"),
    Column("body", Text, nullable=False),
    Column("language", Text, comment="the person's, as their last message's campaign has it"),
    Column("occurred_at", Instant, comment="the provider's time of it"),
    Column("received_at", Instant, nullable=False),
    Column("intent", Text),
    Column("scope", Text),
    Column("match", Text),
    Column("matched", Text, comment="the word of our tables, and its language: word (pt)"),
    Column("lease_until", Instant, comment="until then a worker of the lane has it"),
    Column("handled_at", Instant, comment="everything has been done about it"),
    Column("decision", Text, comment="of a person, on a reply that was held for review"),
    Column("decided_at", Instant),
    Column("decided_by", Text),
    Column("decision_note", Text),
    UniqueConstraint("source", "provider_id"),
    Index("ix_inbound_messages_contact", "contact_id"),
    # What the lane still has to do.
    Index(
        "ix_inbound_messages_open",
        "lease_until",
        postgresql_where=text("handled_at IS NULL"),
    ),
    # What waits for a person.
    Index(
        "ix_inbound_messages_review",
        "received_at",
        postgresql_where=text("intent = 'review' AND decision IS NULL"),
    ),
)

opt_outs = Table(
    "opt_outs",
    metadata,
    Column("inbound_id", BigInteger, ForeignKey("inbound_messages.id"), primary_key=True),
    Column("contact_id", BigInteger, ForeignKey("contacts.id"), nullable=False),
    Column("businesses", ARRAY(Text), nullable=False),
    Column("sender_id", BigInteger),
    Column("country", Text, nullable=False, comment="whose deadline binds"),
    Column("origin", Text, nullable=False, comment="reply, button, platform, provider, review"),
    Column("complaint", Boolean, nullable=False, server_default=text("false")),
    Column("repeated", Boolean, nullable=False, comment="the person had left already"),
    Column("received_at", Instant, nullable=False, comment="the clock starts"),
    Column("deadline_at", Instant, nullable=False, comment="by the country's rule"),
    Column("in_force_at", Instant, comment="its transaction was committed by then"),
    Column("cancelled_at", Instant, comment="nothing waits for the person any more"),
    Column("cancelled", Integer, nullable=False, server_default=text("0")),
    Column(
        "confirmation",
        Text,
        nullable=False,
        comment="due, sent, failed, in_doubt, by_provider, repeated, impossible",
    ),
    Column("confirmed_at", Instant, comment="the confirmation was handed to the provider"),
    Column("rule", Text),
    Column("policy", Text),
    Index("ix_opt_outs_received", "received_at"),
    Index("ix_opt_outs_contact", "contact_id"),
    Index("ix_opt_outs_sender", "sender_id", "received_at"),
    # Whose clock still runs.
    Index(
        "ix_opt_outs_open",
        "deadline_at",
        postgresql_where=text("confirmation IN ('due', 'in_doubt', 'failed')"),
    ),
)

notices = Table(
    "notices",
    metadata,
    # Below 0: one space of ids for all that a provider is given, so that a status tells which.
    Column(
        "id",
        BigInteger,
        Identity(start=-1, increment=-1, minvalue=-(2**62), maxvalue=-1),
        primary_key=True,
    ),
    Column("inbound_id", BigInteger, ForeignKey("inbound_messages.id"), nullable=False),
    Column("kind", Text, nullable=False, comment="confirmation, help, welcome"),
    Column("contact_id", BigInteger, ForeignKey("contacts.id"), nullable=False),
    Column("business", Text, nullable=False),
    Column("sender_id", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", Text, nullable=False, comment="pending, sending, sent, failed, in_doubt"),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("lease_until", Instant),
    Column("provider_id", Text),
    Column("code", Text, comment="the provider's last error"),
    Column("sent_at", Instant),
    Column("delivered_at", Instant),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("inbound_id", "kind"),
    Index(
        "ix_notices_open",
        "lease_until",
        postgresql_where=text("state IN ('pending', 'sending')"),
    ),
    Index("ix_notices_contact", "contact_id"),
)

review_holds = Table(
    "review_holds",
    metadata,
    Column("contact_id", BigInteger, ForeignKey("contacts.id"), primary_key=True),
    Column("business", Text, primary_key=True, comment="* means every business"),
    Column("inbound_id", BigInteger, ForeignKey("inbound_messages.id"), primary_key=True),
    Column("since", Instant, nullable=False),
)
"""While a row is here, messages to the person wait that a STOP would end."""
