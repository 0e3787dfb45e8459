"""What to do: (wanted, facts) -> steps as data, no effects; no steps means converged."""
