"""What an evaluator is shown: variables bound to paths, and a preview of what the paths find.

Add here what turns a task's `mapping` into values. How a path is read and walked is vocabulary and lives in
`core.paths`, since filters use it too; reading the spans is `lake`. Nothing here imports another room but `core`.
"""
