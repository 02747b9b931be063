"""what the rules look at: wishes, block lists, senders by the hour, the audit trail.

Revision: 0003
Follows: 0002
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"

_APPEND_ONLY = """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
            USING ERRCODE = 'restrict_violation';
    END
    $$
"""


def upgrade() -> None:
    """Apply this migration."""
    _create_tables()
    op.create_index("ix_opt_outs_sender", "opt_outs", ["sender_id", "received_at"], unique=False)
    _limit_decisions()
    # What stood in them was the last reservation's, and the next one replaces it.
    op.drop_column("frequency_use", "cap")
    op.drop_column("frequency_use", "cap_since")
    for name, kind, comment in (
        ("caps", sa.Integer(), "the caps of the last reservation"),
        ("caps_since", sa.DateTime(timezone=True), "the start of each one's period"),
    ):
        op.add_column(
            "frequency_use",
            sa.Column(
                name,
                postgresql.ARRAY(kind),
                nullable=False,
                server_default=sa.text("'{}'"),
                comment=comment,
            ),
        )
        op.alter_column("frequency_use", name, server_default=None)
    op.add_column(
        "senders",
        sa.Column(
            "official",
            sa.Boolean(),
            nullable=False,
            server_default=sa.text("true"),
            comment="the channel's official interface",
        ),
    )
    op.alter_column("senders", "official", server_default=None)
    op.add_column(
        "senders",
        sa.Column("region", sa.Text(), nullable=True, comment="where the provider keeps the data"),
    )
    op.add_column(
        "senders",
        sa.Column(
            "safeguard", sa.Text(), nullable=True, comment="what allows the data to be there"
        ),
    )
    op.add_column(
        "consent_events",
        sa.Column(
            "version",
            sa.SmallInteger(),
            nullable=False,
            server_default=sa.text("1"),
            comment="what the hash covers",
        ),
    )
    op.alter_column("consent_events", "version", server_default=None)
    op.add_column(
        "consent_events",
        sa.Column(
            "granted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="the grant that it concerns; null: none is named",
        ),
    )
    op.execute(
        """
        INSERT INTO consent_ledger (id, events, hash)
        SELECT 1, count(*), coalesce((SELECT hash FROM consent_events ORDER BY id DESC LIMIT 1),
                                     decode(repeat('00', 32), 'hex'))
        FROM consent_events
        """
    )
    op.execute(_APPEND_ONLY)
    for table in ("consent_events", "audit_events"):
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def _limit_decisions() -> None:
    op.add_column(
        "messages",
        sa.Column(
            "look_again_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="until when a ready message's decisions hold",
        ),
    )
    # What was decided by fewer rules than there are now is decided again.
    op.execute("UPDATE messages SET look_again_at = created_at WHERE state = 'ready'")
    in_pool = sa.text("state = 'ready' AND lease_until IS NULL")
    op.drop_index("ix_messages_window", table_name="messages", postgresql_where=in_pool)
    op.create_index(
        "ix_messages_window",
        "messages",
        [sa.text("least(window_closes_at, look_again_at)")],
        unique=False,
        postgresql_where=in_pool,
    )


def _create_tables() -> None:
    op.create_table(
        "preferences",
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("business", sa.Text(), nullable=False),
        sa.Column("channels", postgresql.ARRAY(sa.Text()), nullable=True, comment="null: any"),
        sa.Column("topics", postgresql.ARRAY(sa.Text()), nullable=True, comment="null: any"),
        sa.Column(
            "hours",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="weekday (0 = Monday) to its spans; null: any",
        ),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_preferences_contact_id")
        ),
        sa.PrimaryKeyConstraint("contact_id", "business", name=op.f("pk_preferences")),
    )
    op.create_table(
        "block_list_entries",
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "list", sa.Text(), nullable=False, comment="the list's name, as an overlay has it"
        ),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_block_list_entries_contact_id")
        ),
        sa.PrimaryKeyConstraint("contact_id", "list", name=op.f("pk_block_list_entries")),
    )
    op.create_table(
        "sender_hours",
        sa.Column("sender_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "hour",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="the start of the hour counted",
        ),
        sa.Column("sent", sa.Integer(), nullable=False, comment="messages that a provider took"),
        sa.Column(
            "violations", sa.Integer(), nullable=False, comment="those that it refused as violating"
        ),
        sa.ForeignKeyConstraint(
            ["sender_id"], ["senders.id"], name=op.f("fk_sender_hours_sender_id")
        ),
        sa.PrimaryKeyConstraint("sender_id", "hour", name=op.f("pk_sender_hours")),
    )
    op.create_table(
        "audit_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "actor", sa.Text(), nullable=False, comment="a person's name, or the part of Recado"
        ),
        sa.Column(
            "action", sa.Text(), nullable=False, comment="sender_suspended, sender_lifted, ..."
        ),
        sa.Column(
            "subject", sa.Text(), nullable=False, comment="the public id of what was changed"
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column(
            "policy", sa.Text(), nullable=True, comment="the version of the rules that were applied"
        ),
        sa.Column(
            "detail",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="what was seen",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_events")),
    )
    op.create_index("ix_audit_events_subject", "audit_events", ["subject", "id"], unique=False)
    op.create_table(
        "consent_ledger",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False, comment="of the last event"),
        sa.CheckConstraint("id = 1", name=op.f("ck_consent_ledger_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_ledger")),
    )
