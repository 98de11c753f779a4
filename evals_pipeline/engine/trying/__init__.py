"""Evaluators outside of runs: on sample rows of a task, in notebooks, and exported to be changed.

Add a module here for another place in which somebody wants to see what an evaluator says before it judges for good.
Holding it against labels that people gave is `engine.gold`.
"""
