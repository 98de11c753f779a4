"""LLM judges: a template with variables, the labels it may answer with, and the model that is asked."""
