"""Kills, overlaps, full disks and damaged files: afterwards nothing is missing and nothing is double."""
