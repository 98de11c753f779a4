"""The peers' side: scripts that run in an environment of their own, with released packages only."""
