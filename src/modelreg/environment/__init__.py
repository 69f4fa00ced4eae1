"""Environments: as values, as captured from an interpreter, and compared."""
