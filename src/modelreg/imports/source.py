"""Which modules the source of Python imports, told without running it."""

import ast
import warnings
from collections.abc import Iterator

LARGEST = 1024 * 1024
"""Bytes of the largest source that is read; code that people write is far smaller."""


def imported(source: bytes) -> Iterator[str]:
    """Yield the modules that source imports by absolute names, wherever it does so; nothing where it is no Python.

    Of `from a import b`, where b may be a module, both `a` and `a.b`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is wrong with a user's strings is no concern of who registers them
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
