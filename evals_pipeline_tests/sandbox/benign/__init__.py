"""Ordinary evaluators, as people write them: in the sandbox they say what they say without it.

A class per habit; a module per field. Each is run as a class of this process, and as text in the sandbox: the imports
of its module, and its own lines. Add one to the module where its imports are.
"""
