"""The Pulumi program: everything is in stacks/Pulumi.<stack>.yaml."""

from pathlib import Path

from freehold.infra.program import declare

declare(Path(__file__).parent)
