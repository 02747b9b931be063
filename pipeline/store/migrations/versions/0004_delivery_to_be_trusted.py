"""delivery: tries that led nowhere, doubts with their time, accounts that rest, receipts' ids.

Revision: 0004
Follows: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_DOUBTS = """
    UPDATE messages SET in_doubt_at = coalesce(sent_at, created_at) WHERE state = 'in_doubt'
"""


def upgrade() -> None:
    """Apply this migration."""
    op.add_column(
        "messages",
        sa.Column("tries", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
    )
    op.add_column("messages", sa.Column("in_doubt_at", sa.DateTime(timezone=True)))
    op.execute(_DOUBTS)
    op.create_index(
        "ix_messages_in_doubt",
        "messages",
        ["in_doubt_at"],
        postgresql_where=sa.text("state = 'in_doubt'"),
    )
    op.add_column(
        "campaigns",
        sa.Column(
            "media_url", sa.Text(), comment="a picture, a film or a document that goes with it"
        ),
    )
    _create_tables()


def _create_tables() -> None:
    op.create_table(
        "account_rests",
        sa.Column(
            "account", sa.Text(), nullable=False, comment="the provider account, in lower case"
        ),
        sa.Column(
            "reason",
            sa.Text(),
            nullable=False,
            comment="failing: it does not answer; rate: it is full",
        ),
        sa.Column(
            "rests_until",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="machine time; then it is tried",
        ),
        sa.Column(
            "probe_until",
            sa.DateTime(timezone=True),
            comment="machine time until which one worker tries it",
        ),
        sa.Column(
            "failures",
            sa.SmallInteger(),
            nullable=False,
            comment="rests in a row: each is longer",
        ),
        sa.Column(
            "since",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="business time of the first of them",
        ),
        sa.Column("detail", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.PrimaryKeyConstraint("account", name="pk_account_rests"),
    )
    op.create_table(
        "receipt_ids",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account", "provider_id", name="pk_receipt_ids"),
    )
    op.create_index("ix_receipt_ids_sent", "receipt_ids", ["sent_at"])
