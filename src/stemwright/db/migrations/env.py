"""Run by Alembic: on the connection it is handed."""

from alembic import context
from sqlalchemy import Connection, MetaData

connection: Connection = context.config.attributes["connection"]
metadata: MetaData | None = context.config.attributes.get("metadata")


def ours(name: str | None, kind: str, _parents: object) -> bool:
    """Leave the tables of the job engine out of comparisons: it migrates them itself."""
    return kind != "table" or metadata is None or name in metadata.tables


context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter a column in place
    compare_type=True,
    include_name=ours,
)
context.run_migrations()  # in the transaction of whoever called: it commits
