"""Freehold: an inference node for an open-weight model, from one declaration."""
