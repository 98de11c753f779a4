"""The documentation held against the product: every command, file, filter and query that a page shows is run."""
