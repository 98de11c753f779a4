"""Where spans come from: every form a span arrives in, made into one row of the lake.

`files` finds and reads files; `normalise` makes a row of any span; `flat`, `trail` and `otlp` each know one form. Add a
module here for a new form or a new place; it ends in `normalise.span_row`, so that all forms obey the same rules. Keep
out which spans are judged (`selection`) and where they are kept (`lake`). Nothing here imports another room but `core`.
"""
