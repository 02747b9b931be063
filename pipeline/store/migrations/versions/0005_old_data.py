"""old data: decisions by month, totals of campaigns whose messages are gone, messages vacuumed.

The decisions that there are become one partition that ends with the month of the last of them.
They are read through twice for that (a minute for some tens of millions) and not copied; the
messages are read once. Both tables take no writes meanwhile.

Revision: 0005
Follows: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

# Messages first, as every stage does: else a stage that has written to them waits for the
# decisions, the index below waits for the stage, and PostgreSQL ends one of the two.
_LOCK = (
    "LOCK TABLE messages IN SHARE MODE",
    "LOCK TABLE decisions IN ACCESS EXCLUSIVE MODE",
)
_DIVIDE = (
    "ALTER TABLE decisions RENAME TO decisions_before",
    "ALTER INDEX ix_decisions_message RENAME TO ix_decisions_before_message",
    # Without the index, which follows by itself on every partition.
    """
    CREATE TABLE decisions (LIKE decisions_before INCLUDING DEFAULTS INCLUDING COMMENTS)
        PARTITION BY RANGE (decided_at)
    """,
    "CREATE INDEX ix_decisions_message ON decisions (message_id)",
    "CREATE TABLE decisions_rest PARTITION OF decisions DEFAULT",
)
_LAST = "SELECT max(decided_at) FROM decisions_before"
_ATTACH = """
    DO $$
    DECLARE
        border timestamptz := (
            SELECT date_trunc('month', max(decided_at), 'UTC') + interval '40 days'
            FROM decisions_before);
    BEGIN
        EXECUTE format(
            'ALTER TABLE decisions ATTACH PARTITION decisions_before FOR VALUES'
            ' FROM (MINVALUE) TO (%L)', date_trunc('month', border, 'UTC'));
    END
    $$
"""
_VACUUM = """
    ALTER TABLE messages SET (
        autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 10000,
        autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_insert_threshold = 100000,
        autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 10000
    )
"""


def upgrade() -> None:
    """Apply this migration."""
    for statement in _LOCK:
        op.execute(statement)
    _divide_decisions()
    op.execute(_VACUUM)
    op.create_index(
        "ix_messages_sent",
        "messages",
        ["sent_at"],
        postgresql_using="brin",
        postgresql_with={"autosummarize": "on"},
    )
    op.create_table(
        "campaign_totals",
        sa.Column("campaign_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, comment="empty: there was none"),
        sa.Column(
            "messages",
            sa.BigInteger(),
            nullable=False,
            comment="those that retention has removed",
        ),
        sa.PrimaryKeyConstraint("campaign_id", "state", "reason", name="pk_campaign_totals"),
    )
    op.create_table(
        "chores",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "lease_until",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="machine time; then it is to be done",
        ),
        sa.PrimaryKeyConstraint("name", name="pk_chores"),
    )


def _divide_decisions() -> None:
    for statement in _DIVIDE:
        op.execute(statement)
    if op.get_bind().scalar(sa.text(_LAST)) is None:
        op.execute("DROP TABLE decisions_before")
    else:
        op.execute(_ATTACH)
