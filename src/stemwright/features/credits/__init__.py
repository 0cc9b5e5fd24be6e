"""What jobs cost and who pays: a ledger that is only ever added to."""
