"""Options of the form key=value."""

from collections.abc import Sequence
from functools import partial

from modelreg.errors import UsageError


def pairs(option: str, values: Sequence[str] | None) -> dict[str, str]:
    """Return repeated `key=value` options as a mapping.

    Raises:
        UsageError: one has no `=`, or a key is given twice.
    """
    found: dict[str, str] = {}
    for key, text in map(partial(_pair, option), values or ()):
        if key in found:
            raise UsageError(f"{option} {key} is given twice")
        found[key] = text
    return found


def lists(option: str, values: Sequence[str] | None) -> dict[str, list[str]]:
    """Return repeated `key=value` options as a mapping to all values that a key is given.

    Raises:
        UsageError: one has no `=`.
    """
    found: dict[str, list[str]] = {}
    for key, text in map(partial(_pair, option), values or ()):
        found.setdefault(key, []).append(text)
    return found


def _pair(option: str, value: str) -> tuple[str, str]:
    key, equals, text = value.partition("=")
    if not equals or not key:
        raise UsageError(f"{option} {value!r}: write it as key=value")
    return key, text
