"""Annotations as real files."""
