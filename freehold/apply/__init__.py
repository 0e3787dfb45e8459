"""The only code that walks a plan over a host."""
