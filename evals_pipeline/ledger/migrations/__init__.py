"""Alembic's scripts; `versions` holds one file per change of a table."""
