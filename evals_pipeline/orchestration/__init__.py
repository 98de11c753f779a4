"""The roof: assets, partitions, schedules, checks and resources, and the runs that a terminal starts.

Add a module here for something Dagster has a noun for. Keep judgement out: an asset opens the installation, calls
`engine` and reports. This room and `definitions.py` alone import Dagster.
"""
