"""Runs on a node, by Python 3.9 and its own library: what it reads, tunes and guards there."""
