"""the opt-out lane.

Revision: 0002
Follows: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply this migration."""
    op.create_table(
        "contact_identities",
        sa.Column("account", sa.Text(), nullable=False, comment="within which the id is valid"),
        sa.Column("user_id", sa.Text(), nullable=False, comment="the provider's id of the person"),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_contact_identities_contact_id")
        ),
        sa.PrimaryKeyConstraint("account", "user_id", name=op.f("pk_contact_identities")),
    )
    op.create_index(
        "ix_contact_identities_contact", "contact_identities", ["contact_id"], unique=False
    )
    op.create_table(
        "notices",
        sa.Column(
            "id",
            sa.BigInteger(),
            sa.Identity(
                always=False, start=-1, increment=-1, minvalue=-4611686018427387904, maxvalue=-1
            ),
            nullable=False,
        ),
        sa.Column("inbound_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="confirmation, help, welcome"),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("business", sa.Text(), nullable=False),
        sa.Column("sender_id", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column(
            "state", sa.Text(), nullable=False, comment="pending, sending, sent, failed, in_doubt"
        ),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("provider_id", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True, comment="the provider's last error"),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_notices_contact_id")
        ),
        sa.ForeignKeyConstraint(
            ["inbound_id"], ["inbound_messages.id"], name=op.f("fk_notices_inbound_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sa.UniqueConstraint("inbound_id", "kind", name=op.f("uq_notices_inbound_id_kind")),
    )
    op.create_index("ix_notices_contact", "notices", ["contact_id"], unique=False)
    op.create_index(
        "ix_notices_open",
        "notices",
        ["lease_until"],
        unique=False,
        postgresql_where=sa.text("state IN ('pending', 'sending')"),
    )
    op.create_table(
        "opt_outs",
        sa.Column("inbound_id", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("businesses", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("sender_id", sa.BigInteger(), nullable=True),
        sa.Column("country", sa.Text(), nullable=False, comment="whose deadline binds"),
        sa.Column(
            "origin", sa.Text(), nullable=False, comment="reply, button, platform, provider, review"
        ),
        sa.Column("complaint", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("repeated", sa.Boolean(), nullable=False, comment="the person had left already"),
        sa.Column(
            "received_at", sa.DateTime(timezone=True), nullable=False, comment="the clock starts"
        ),
        sa.Column(
            "deadline_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="by the country's rule",
        ),
        sa.Column(
            "in_force_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="its transaction was committed by then",
        ),
        sa.Column(
            "cancelled_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="nothing waits for the person any more",
        ),
        sa.Column("cancelled", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "confirmation",
            sa.Text(),
            nullable=False,
            comment="due, sent, failed, in_doubt, by_provider, repeated, impossible",
        ),
        sa.Column(
            "confirmed_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="the confirmation was handed to the provider",
        ),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("policy", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_opt_outs_contact_id")
        ),
        sa.ForeignKeyConstraint(
            ["inbound_id"], ["inbound_messages.id"], name=op.f("fk_opt_outs_inbound_id")
        ),
        sa.PrimaryKeyConstraint("inbound_id", name=op.f("pk_opt_outs")),
    )
    op.create_index("ix_opt_outs_contact", "opt_outs", ["contact_id"], unique=False)
    op.create_index(
        "ix_opt_outs_open",
        "opt_outs",
        ["deadline_at"],
        unique=False,
        postgresql_where=sa.text("confirmation IN ('due', 'in_doubt', 'failed')"),
    )
    op.create_index("ix_opt_outs_received", "opt_outs", ["received_at"], unique=False)
    op.create_table(
        "review_holds",
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("business", sa.Text(), nullable=False, comment="* means every business"),
        sa.Column("inbound_id", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_review_holds_contact_id")
        ),
        sa.ForeignKeyConstraint(
            ["inbound_id"], ["inbound_messages.id"], name=op.f("fk_review_holds_inbound_id")
        ),
        sa.PrimaryKeyConstraint(
            "contact_id", "business", "inbound_id", name=op.f("pk_review_holds")
        ),
    )
    op.add_column(
        "inbound_messages",
        sa.Column("kind", sa.Text(), server_default=sa.text("'reply'"), nullable=False),
    )
    op.add_column(
        "inbound_messages",
        sa.Column(
            "businesses",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="whom it concerns; {*}: the address is nobody's, so everybody",
        ),
    )
    op.add_column(
        "inbound_messages",
        sa.Column(
            "sender_id", sa.BigInteger(), nullable=True, comment="our sender that received it"
        ),
    )
    op.add_column(
        "inbound_messages",
        sa.Column(
            "language",
            sa.Text(),
            nullable=True,
            comment="the person's, as their last message's campaign has it",
        ),
    )
    op.add_column(
        "inbound_messages",
        sa.Column(
            "occurred_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="the provider's time of it",
        ),
    )
    op.add_column("inbound_messages", sa.Column("scope", sa.Text(), nullable=True))
    op.add_column("inbound_messages", sa.Column("match", sa.Text(), nullable=True))
    op.add_column(
        "inbound_messages",
        sa.Column(
            "matched",
            sa.Text(),
            nullable=True,
            comment="the word of our tables, and its language: word (pt)",
        ),
    )
    op.add_column(
        "inbound_messages",
        sa.Column(
            "lease_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="until then a worker of the lane has it",
        ),
    )
    op.add_column(
        "inbound_messages",
        sa.Column(
            "decision",
            sa.Text(),
            nullable=True,
            comment="of a person, on a reply that was held for review",
        ),
    )
    op.add_column(
        "inbound_messages", sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column("inbound_messages", sa.Column("decided_by", sa.Text(), nullable=True))
    op.add_column("inbound_messages", sa.Column("decision_note", sa.Text(), nullable=True))
    op.alter_column("inbound_messages", "channel", existing_type=sa.TEXT(), nullable=True)
    op.alter_column(
        "inbound_messages",
        "handled_at",
        existing_type=postgresql.TIMESTAMP(timezone=True),
        comment="everything has been done about it",
        existing_nullable=True,
    )
    op.create_index("ix_inbound_messages_contact", "inbound_messages", ["contact_id"], unique=False)
    op.create_index(
        "ix_inbound_messages_open",
        "inbound_messages",
        ["lease_until"],
        unique=False,
        postgresql_where=sa.text("handled_at IS NULL"),
    )
    op.create_index(
        "ix_inbound_messages_review",
        "inbound_messages",
        ["received_at"],
        unique=False,
        postgresql_where=sa.text("intent = 'review' AND decision IS NULL"),
    )
    # What the earlier version left open: it knew opt-outs and nothing else.
    op.execute(
        "UPDATE inbound_messages SET businesses = CASE WHEN business IS NULL THEN '{}'"
        " ELSE ARRAY[business] END, intent = coalesce(intent, 'none'),"
        " handled_at = CASE WHEN intent IS NULL THEN coalesce(handled_at, received_at)"
        " ELSE handled_at END"
    )
    op.drop_column("inbound_messages", "business")
    op.add_column("messages", sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("messages", sa.Column("read_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Undo this migration."""
    op.drop_column("messages", "read_at")
    op.drop_column("messages", "delivered_at")
    op.add_column(
        "inbound_messages", sa.Column("business", sa.TEXT(), autoincrement=False, nullable=True)
    )
    op.drop_index(
        "ix_inbound_messages_review",
        table_name="inbound_messages",
        postgresql_where=sa.text("intent = 'review' AND decision IS NULL"),
    )
    op.drop_index(
        "ix_inbound_messages_open",
        table_name="inbound_messages",
        postgresql_where=sa.text("handled_at IS NULL"),
    )
    op.drop_index("ix_inbound_messages_contact", table_name="inbound_messages")
    op.alter_column(
        "inbound_messages",
        "handled_at",
        existing_type=postgresql.TIMESTAMP(timezone=True),
        comment=None,
        existing_comment="everything has been done about it",
        existing_nullable=True,
    )
    op.alter_column("inbound_messages", "channel", existing_type=sa.TEXT(), nullable=False)
    op.drop_column("inbound_messages", "decision_note")
    op.drop_column("inbound_messages", "decided_by")
    op.drop_column("inbound_messages", "decided_at")
    op.drop_column("inbound_messages", "decision")
    op.drop_column("inbound_messages", "lease_until")
    op.drop_column("inbound_messages", "matched")
    op.drop_column("inbound_messages", "match")
    op.drop_column("inbound_messages", "scope")
    op.drop_column("inbound_messages", "occurred_at")
    op.drop_column("inbound_messages", "language")
    op.drop_column("inbound_messages", "sender_id")
    op.drop_column("inbound_messages", "businesses")
    op.drop_column("inbound_messages", "kind")
    op.drop_table("review_holds")
    op.drop_index("ix_opt_outs_received", table_name="opt_outs")
    op.drop_index(
        "ix_opt_outs_open",
        table_name="opt_outs",
        postgresql_where=sa.text("confirmation IN ('due', 'in_doubt', 'failed')"),
    )
    op.drop_index("ix_opt_outs_contact", table_name="opt_outs")
    op.drop_table("opt_outs")
    op.drop_index(
        "ix_notices_open",
        table_name="notices",
        postgresql_where=sa.text("state IN ('pending', 'sending')"),
    )
    op.drop_index("ix_notices_contact", table_name="notices")
    op.drop_table("notices")
    op.drop_index("ix_contact_identities_contact", table_name="contact_identities")
    op.drop_table("contact_identities")
