"""Options of the form key=value."""

from collections.abc import Sequence

from modelreg.errors import UsageError


def pairs(option: str, values: Sequence[str] | None) -> dict[str, str]:
    """Return repeated `key=value` options as a mapping.

    Raises:
        UsageError: one has no `=`, or a key is given twice.
    """
    found: dict[str, str] = {}
    for value in values or ():
        key, equals, text = value.partition("=")
        if not equals or not key:
            raise UsageError(f"{option} {value!r}: write it as key=value")
        if key in found:
            raise UsageError(f"{option} {key} is given twice")
        found[key] = text
    return found
