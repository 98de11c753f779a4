"""The corridor: spans, inputs, results, annotations, one stage a module, as plain functions without Dagster.

Add a module here for a new walk through the rooms. Keep single decisions out: what a filter means is `selection`, what
an evaluator says is `evaluators`, how rows are kept is `lake`. Only this room imports all of those.

What people do with evaluators beside runs has folders of its own: `hub` (versions), `trying` (samples, notebooks,
exports) and `gold` (labels that people gave).
"""
