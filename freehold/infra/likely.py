"""Which instance type a node will probably be, for what a preview says before there is one."""

from __future__ import annotations


class LikelyTypes:
    """By the node's name: what the lease's preview tells the layout's, in one operation."""

    def __init__(self) -> None:
        self._types: dict[str, str] = {}

    def expect(self, node: str, instance_type: str) -> None:
        """It is what would be tried first."""
        self._types[node] = instance_type

    def of(self, node: str) -> str | None:
        """None where nothing is expected: a box of one's own, or no offer that is known."""
        return self._types.get(node)
