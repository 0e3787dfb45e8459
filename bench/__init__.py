"""`make bench`: what an `up` and a converge cost, beside an empty program and other tools."""
