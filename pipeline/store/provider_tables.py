"""Tables of delivery: accounts that rest, and the ids by which receipts name our messages."""

from sqlalchemy import BigInteger, Column, Index, SmallInteger, Table, Text, text

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

# For providers that name a message in its receipt by their own id alone.
receipt_ids = Table(
    "receipt_ids",
    metadata,
    Column("account", Text, primary_key=True),
    Column("provider_id", Text, primary_key=True),
    Column("message_id", BigInteger, nullable=False),
    Column("sent_at", Instant, nullable=False),
    Index("ix_receipt_ids_sent", "sent_at"),
)
