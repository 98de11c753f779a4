"""Numbers that others need without the weight of DuckDB and Arrow."""

MEMORY_LIMIT = "1GB"
"""What DuckDB may hold before it spills to disk; a partition may be larger."""
