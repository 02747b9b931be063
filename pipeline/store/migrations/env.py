"""Alembic's entry: runs the migrations on the connection that `pipeline.store.schema` hands in."""

from alembic import context

import pipeline.store.count_tables
import pipeline.store.inbound_tables
import pipeline.store.provider_tables
import pipeline.store.rule_tables  # noqa: F401 - their tables belong to the metadata
from pipeline.store.large_tables import is_no_partition
from pipeline.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_name=is_no_partition,
    transaction_per_migration=True,
)
context.run_migrations()
