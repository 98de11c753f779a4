"""What happened, and what many processes must agree on while it happens, in a SQL database.

`ledger` holds the verbs for what happened: files read, runs, outcomes, progress, spending. While judges ask, they use
`judge_answers` (what has been answered and who is asking what), `budgets` and `board` (what runs tell each other).
`evaluator_versions` keeps what the hub was given.

Add a table here for small facts that many processes share. Bulk rows belong in the lake. Every change of a table is a
migration under `migrations/versions`. Transactions are short: nothing is waited for inside one. Nothing here imports
another room but `core`.
"""
