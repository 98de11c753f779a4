"""Tests of what an evaluator is shown."""
