"""The tasks of playbooks/, where Fabric looks for them: `fab -l` lists them."""

from playbooks import namespace

__all__ = ["namespace"]
