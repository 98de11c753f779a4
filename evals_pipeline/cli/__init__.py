"""`evals`: a thin face over the engine and the roof.

Add a module here for a new command, and name it in `main`. A command reads its options, calls one function of `engine`
or `orchestration` and prints what came back through `screen`; decisions stay below. Whatever is slow to import is
imported inside the command, so that `evals --help` answers at once.
"""
