"""What people and senders have used of their caps and quotas; what is left of old campaigns."""

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY

from pipeline.store.tables import Instant, metadata

frequency_use = Table(
    "frequency_use",
    metadata,
    Column("contact_id", BigInteger, primary_key=True),
    Column("business", Text, primary_key=True),
    Column("counted", Text, primary_key=True, comment="the categories counted together"),
    Column("sent", ARRAY(Instant), nullable=False, comment="the last month's sends"),
    # ON CONFLICT sees only the proposed row: the caps travel in it to the guard.
    Column("caps", ARRAY(Integer), nullable=False, comment="the caps of the last reservation"),
    Column("caps_since", ARRAY(Instant), nullable=False, comment="the start of each one's period"),
)

quota_use = Table(
    "quota_use",
    metadata,
    Column("sender_id", BigInteger, ForeignKey("senders.id"), primary_key=True),
    Column("bucket", Instant, primary_key=True, comment="the END of the minute counted"),
    Column("used", Integer, nullable=False),
)

campaign_totals = Table(
    "campaign_totals",
    metadata,
    Column("campaign_id", BigInteger, primary_key=True),
    Column("state", Text, primary_key=True),
    Column("reason", Text, primary_key=True, comment="empty: there was none"),
    Column("messages", BigInteger, nullable=False, comment="those that retention has removed"),
)

chores = Table(
    "chores",
    metadata,
    Column("name", Text, primary_key=True),
    Column("lease_until", Instant, nullable=False, comment="machine time; then it is to be done"),
)
