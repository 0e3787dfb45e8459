"""What is wanted: one stack's declaration, read into a frozen, typed Spec."""

from freehold.spec.error import SpecError
from freehold.spec.loader import load
from freehold.spec.model import KnownHardware, Model, Node, Policy, Prices, Server, Spec, Ssh
from freehold.spec.secret import Secret
from freehold.spec.source import stack_file, stacks

__all__ = [
    "KnownHardware",
    "Model",
    "Node",
    "Policy",
    "Prices",
    "Secret",
    "Server",
    "Spec",
    "SpecError",
    "Ssh",
    "load",
    "stack_file",
    "stacks",
]
