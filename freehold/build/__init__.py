"""Builds of the engine from source, on a node that has the hardware that they are for."""
