"""Judges end to end with a real, small model on this machine: mechanics, never quality."""
