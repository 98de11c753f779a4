"""Evaluators that people bring: what their source says, found without running it, and what a task adds.

Add a rule of the static check to the module of its subject, and its code to `problem_codes.py`. Keep out running:
that is the sandbox's, which is given a program.
"""
