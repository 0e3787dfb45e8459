"""Pulumi: the program's component, and the provider that converges boxes. Its only importer."""
