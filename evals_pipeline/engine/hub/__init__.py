"""The hub at work: which evaluator a name means, what was pushed of it, and how its file compares.

Add a module here for something else that people do with evaluators and their versions. What a version is, is said in
the room `hub`; where it is kept, in `ledger`; trying one out is `engine.trying`.
"""
