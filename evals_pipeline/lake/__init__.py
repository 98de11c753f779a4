"""Spans, inputs and results as Delta tables, read and written by DuckDB.

Add a table in `tables.py`. DuckDB writes Parquet files, `delta.py` commits them; a commit carries the stamp of its key,
so that two writers of one key can never both succeed from the same state. Keep decisions about spans out: that is
`selection` and `evaluators`. Nothing here imports another room but `core`.
"""
