"""The vocabulary: what spans, tasks, evaluators, outcomes and windows are.

Add a word here when two rooms need it. Keep out anything that opens a file, a socket or a database, and anything
that decides about data: those are the other rooms. Nothing here imports another room.
"""
