"""Evaluators held against labels that people gave: rows, questions, figures of agreement and what they are worth.

Add a module here for another figure or another form of labelled rows. How the figures are shown is the CLI's part.
"""
