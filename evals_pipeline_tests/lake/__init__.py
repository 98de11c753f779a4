"""Delta tables in a real folder, written by several real processes."""
