"""Who judges: code, a model or a user's own function.

Add a folder here for a new kind of evaluator. Keep out which units are judged (`selection`), what an evaluator is
shown (`mapping`) and where results go (`sinks`). Nothing here imports another room but `core`, `llm` and `sandbox`.
"""
