"""Which file paths an artifact may hold: those that mean the same file on every system.

The rules are in docs/format.md. They are checked when registering and again when pulling.
"""

import unicodedata
from collections.abc import Iterable

from modelreg.errors import UnsafePathError

MANIFEST = "modelreg.yaml"
"""The file that `pull` writes beside an artifact's own; reserved at its root."""

_MAX_PATH, _MAX_PART = 1024, 255  # bytes of UTF-8
_FORBIDDEN = frozenset('<>:"|?*\\')
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$"]
    + [f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³"]
)


def check_path(path: str) -> None:
    """Check one relative path.

    Raises:
        UnsafePathError: with the reason.
    """
    reason = _fault(path)
    if reason is not None:
        raise UnsafePathError(f"the file name {path!r} {reason}")


def check_paths(paths: Iterable[str]) -> None:
    """Check the paths of one artifact, each and together.

    Raises:
        UnsafePathError: one is unsafe, or two would be the same file or folder on some system.
    """
    seen: dict[str, tuple[str, bool]] = {}
    for path in paths:
        check_path(path)
        if _fold(path) == MANIFEST:
            raise UnsafePathError(f"the file name {path!r} is reserved for the manifest; rename the file")
        parts = path.split("/")
        for end in range(1, len(parts) + 1):
            prefix, is_file = "/".join(parts[:end]), end == len(parts)
            earlier = seen.get(_fold(prefix))
            if earlier is None:
                seen[_fold(prefix)] = (prefix, is_file)
            elif is_file or earlier != (prefix, is_file):
                raise UnsafePathError(_clash(earlier, prefix))


def _clash(earlier: tuple[str, bool], prefix: str) -> str:
    if earlier[0] != prefix:
        return f"the file names {earlier[0]!r} and {prefix!r} differ only in case; some systems take them for one"
    return f"the file name {prefix!r} stands twice, or is both a file and a folder"


def _fold(path: str) -> str:
    return unicodedata.normalize("NFC", path.casefold())


def is_device_name(part: str) -> bool:
    """Tell whether Windows takes `part` for a device: `con`, `NUL.txt`, `com1`."""
    return part.split(".", 1)[0].rstrip(" ").casefold() in _DEVICES


def _fault(path: str) -> str | None:
    if not path:
        return "is empty"
    if any(_is_hidden(character) for character in path):
        return "holds a control, direction or separator character"
    if unicodedata.normalize("NFC", path) != path:
        return "is not in Unicode normal form NFC; rename the file"
    if not _FORBIDDEN.isdisjoint(path):
        return 'holds one of < > : " | ? * \\, which some systems do not allow'
    if len(path.encode()) > _MAX_PATH:
        return "is longer than 1,024 bytes"
    return next((fault for part in path.split("/") if (fault := _fault_of_part(part))), None)


def _fault_of_part(part: str) -> str | None:
    if part in ("", ".", ".."):
        return "has an empty, '.' or '..' part"
    if part[-1] in ". ":
        return "has a part that ends in a dot or a space"
    if len(part.encode()) > _MAX_PART:
        return "has a part longer than 255 bytes"
    if is_device_name(part):
        return "has a part that Windows takes for a device"
    return None


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in _BIDI or character == "\ufeff"
