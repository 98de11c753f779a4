"""The ledger on a real SQLite file and, where it is installed, a real Postgres."""
