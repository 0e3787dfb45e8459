"""What is: commands with a pure parse of their output into frozen dataclasses."""
