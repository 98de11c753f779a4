"""What happened: runs, outcomes, what has been read and how far a task has come, in a SQL database.

Add a table here for small facts that many processes share. Bulk rows belong in the lake. Every change of a table is a
migration under `migrations/versions`. Nothing here imports another room but `core`.
"""
