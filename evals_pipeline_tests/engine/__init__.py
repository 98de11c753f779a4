"""The corridor on real folders, lakes and ledgers."""
