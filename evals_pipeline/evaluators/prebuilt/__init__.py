"""The prebuilt code evaluators: text in, one of two verdicts out.

`definitions` holds what each one means, in plain Python: that is the truth and what `evals hub show` prints. The
modules `regex_sql`, `keyword_sql`, `json_sql` and `exact_sql` say the same as DuckDB expressions, which answer NULL
where they are in doubt. `registry` joins the two under a name.

Add a check by writing its definition, its expression (or none) and an entry in `registry`; the property test in
`evals_pipeline_tests/evaluators` then compares the two. `confined` is for patterns of users that DuckDB cannot search
for: what of a definition is sent to the sandbox. Nothing else here imports another room but `core`.
"""
