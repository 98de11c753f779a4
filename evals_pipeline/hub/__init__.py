"""What a version of an evaluator is: when two contents are the same, how they differ, what is told of one.

Add a module here for a new question about versions that needs nothing but their texts. Where they are kept is
`ledger.evaluator_versions`; which one a task gets, and what a file has to do with it, is decided in `engine`. Nothing
here opens a file or imports another room but `core`.
"""
