"""Equipment for asking models: endpoints, answer forms, limits, retries, cache, budgets and prices.

Imports only `core`. What must outlive a process is kept through the protocols in `stores`, which the ledger fulfils.
"""
