"""The database: one engine, one transaction boundary, one history of migrations."""
