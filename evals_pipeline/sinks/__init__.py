"""Where results leave: each module attaches results to their units in one kind of place.

Add a module here for a new place. Choosing which results are current is `lake`; when to attach is `engine`. Nothing
here imports another room but `core`.
"""
