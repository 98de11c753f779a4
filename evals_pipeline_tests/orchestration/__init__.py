"""The roof on real instances, lakes and child processes."""
