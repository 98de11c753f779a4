"""Which units are judged: filters, units, sampling.

Add a module here for a new rule that admits or drops units; it offers SQL text or a plain function of the unit's id, so
that the engine can apply it in one scan. Keep out reading and writing spans (`lake`), what an evaluator is shown
(`mapping`) and the order of the stages (`engine`). Nothing here imports another room but `core`.
"""
