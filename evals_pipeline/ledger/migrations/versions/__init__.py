"""One module per change of the ledger's tables, each naming the one before it."""
