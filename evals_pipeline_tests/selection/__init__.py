"""Tests of the filters, sampling and units: on a real DuckDB with a table of spans."""
