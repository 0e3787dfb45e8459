"""Where each copy of a set is and was: a ledger in the store, and the report made from it."""
