"""Tables of delivery: accounts that rest, receipts' ids, and the look-ups of what is in doubt."""

from sqlalchemy import BigInteger, Column, Index, Integer, SmallInteger, Table, Text, text

from pipeline.store.tables import Instant, metadata

account_rests = Table(
    "account_rests",
    metadata,
    Column("account", Text, primary_key=True, comment="the provider account, in lower case"),
    Column("reason", Text, nullable=False, comment="failing: it does not answer; rate: it is full"),
    Column("rests_until", Instant, nullable=False, comment="machine time; then it is tried"),
    Column("probe_until", Instant, comment="machine time until which one worker tries it"),
    Column("failures", SmallInteger, nullable=False, comment="rests in a row: each is longer"),
    Column("since", Instant, nullable=False, comment="business time of the first of them"),
    Column("detail", Text, nullable=False, server_default=text("''")),
)

unknown_codes = Table(
    "unknown_codes",
    metadata,
    Column("account", Text, primary_key=True),
    Column("code", Text, primary_key=True, comment="in no table of codes"),
    Column("seen", BigInteger, nullable=False, comment="how often"),
    Column("last_at", Instant, nullable=False),
)

# For providers that name a message in its receipt by their own id alone.
receipt_ids = Table(
    "receipt_ids",
    metadata,
    Column("account", Text, primary_key=True),
    Column("provider_id", Text, primary_key=True),
    Column("message_id", BigInteger, nullable=False, comment="below 0: a notice's"),
    Column("sent_at", Instant, nullable=False),
    Column(
        "parts", SmallInteger, nullable=False, server_default=text("1"), comment="of the message"
    ),
    Column("arrived_at", Instant, comment="business time at which this part was delivered"),
    Index("ix_receipt_ids_sent", "sent_at"),
    # The other parts of a message.
    Index("ix_receipt_ids_message", "message_id", postgresql_where=text("parts > 1")),
)

# A doubt that is settled leaves its row here until its next look-up would be.
look_ups = Table(
    "look_ups",
    metadata,
    Column("message_id", BigInteger, primary_key=True, autoincrement=False),
    Column("attempt", Integer, nullable=False, comment="the one that is in doubt"),
    Column("lease_until", Instant, comment="machine time; then it is looked up; null: no more"),
    Column("looked", SmallInteger, nullable=False, server_default=text("0")),
    Column(
        "not_found",
        SmallInteger,
        nullable=False,
        server_default=text("0"),
        comment="in a row, once the provider must know",
    ),
    Index("ix_look_ups_lease", "lease_until"),
)
