"""What keeps the two largest tables fast at any size; why stands in docs/decisions/0018.

``decisions`` is divided by month, and its partition ``decisions_rest`` takes the months that have
none of their own: no insert fails for want of a partition. ``messages`` is one table; it is
vacuumed after a fiftieth of it has changed, not after a fifth, which of 100 million rows would be
dead entries in every index until 20 million rows had changed.

SQLAlchemy has no words for either, so they are given beside the tables.
"""

from typing import Any

from sqlalchemy import DDL, event

from pipeline.store.tables import decisions, messages

REST = "decisions_rest"

REST_OF_DECISIONS = f"CREATE TABLE {REST} PARTITION OF decisions DEFAULT"
VACUUM_OF_MESSAGES = """
    ALTER TABLE messages SET (
        autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 10000,
        autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_insert_threshold = 100000,
        autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 10000
    )
"""

event.listen(decisions, "after_create", DDL(REST_OF_DECISIONS))  # type: ignore[no-untyped-call]
event.listen(messages, "after_create", DDL(VACUUM_OF_MESSAGES))  # type: ignore[no-untyped-call]


def is_no_partition(name: str | None, kind: str, _parents: Any) -> bool:
    """For Alembic, which takes partitions for tables of their own: whether to compare this one."""
    return kind != "table" or name is None or not name.startswith("decisions_")
