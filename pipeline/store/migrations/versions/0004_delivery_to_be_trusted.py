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
        sa.Column(
            "tries",
            sa.SmallInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="how often it was taken up since it last moved on",
        ),
    )
    op.add_column(
        "messages",
        sa.Column(
            "in_doubt_at",
            sa.DateTime(timezone=True),
            comment="the claim whose end nobody knows",
        ),
    )
    op.execute(_DOUBTS)
    op.create_index(
        "ix_messages_in_doubt",
        "messages",
        ["in_doubt_at"],
        postgresql_where=sa.text("state = 'in_doubt'"),
    )
    op.create_index(
        "ix_messages_set_aside",
        "messages",
        ["id"],
        postgresql_where=sa.text("state = 'failed' AND tries > 0"),
    )
    op.add_column(
        "campaigns",
        sa.Column(
            "media_url", sa.Text(), comment="a picture, a film or a document that goes with it"
        ),
    )
    _add_what_providers_tell()
    _create_tables()


def _add_what_providers_tell() -> None:
    op.add_column(
        "templates",
        sa.Column(
            "parameters",
            sa.Text(),
            server_default=sa.text("'positional'"),
            nullable=False,
            comment="or named: how the provider knows its variables",
        ),
    )
    op.add_column(
        "templates",
        sa.Column(
            "status_told_at",
            sa.DateTime(timezone=True),
            comment="the provider's time of its last word on the status",
        ),
    )
    op.add_column(
        "senders",
        sa.Column(
            "daily_limit",
            sa.Integer(),
            comment="the provider's own: messages in 24 hours; null: none that we know",
        ),
    )
    op.add_column(
        "senders",
        sa.Column(
            "limit_told_at",
            sa.DateTime(timezone=True),
            comment="the provider's time of its last word on the limit",
        ),
    )


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
        "unknown_codes",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False, comment="in no table of codes"),
        sa.Column("seen", sa.BigInteger(), nullable=False, comment="how often"),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account", "code", name="pk_unknown_codes"),
    )
    op.create_table(
        "receipt_ids",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False, comment="below 0: a notice's"),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "parts",
            sa.SmallInteger(),
            server_default=sa.text("1"),
            nullable=False,
            comment="of the message",
        ),
        sa.Column(
            "arrived_at",
            sa.DateTime(timezone=True),
            comment="business time at which this part was delivered",
        ),
        sa.PrimaryKeyConstraint("account", "provider_id", name="pk_receipt_ids"),
    )
    op.create_index("ix_receipt_ids_sent", "receipt_ids", ["sent_at"])
    op.create_index(
        "ix_receipt_ids_message",
        "receipt_ids",
        ["message_id"],
        postgresql_where=sa.text("parts > 1"),
    )
    op.create_table(
        "look_ups",
        sa.Column("message_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False, comment="the one that is in doubt"),
        sa.Column(
            "lease_until",
            sa.DateTime(timezone=True),
            comment="machine time; then it is looked up; null: no more",
        ),
        sa.Column("looked", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "not_found",
            sa.SmallInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="in a row, once the provider must know",
        ),
        sa.PrimaryKeyConstraint("message_id", name="pk_look_ups"),
    )
    op.create_index("ix_look_ups_lease", "look_ups", ["lease_until"])
