"""What runs on a node, shipped to it as one archive: Python's own library, and nothing else."""
