"""Which file paths an artifact may hold: those that mean the same file on every system.

The rules are in docs/format.md. They are checked when registering and again when pulling.
"""

import unicodedata
from collections.abc import Iterable
from itertools import pairwise

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
    folded = []
    for path in paths:
        check_path(path)
        if _fold(path.split("/", 1)[0]) == MANIFEST:
            raise UnsafePathError(f"the file name {path!r} is reserved for the manifest; rename the file")
        # The lowest character between the parts: what is in a folder is sorted right behind the folder itself.
        folded.append((_fold(path).replace("/", "\0"), path))
    for (earlier, path), (later, other) in pairwise(sorted(folded)):
        if path == other:
            raise UnsafePathError(f"the file name {path!r} stands twice")
        if later.startswith(f"{earlier}\0"):
            raise UnsafePathError(f"the file name {path!r} is also the name of the folder of {other!r}")
        _check_spelling(path, other)


def _check_spelling(path: str, other: str) -> None:
    """Refuse two paths of which a file or a folder differs in case alone."""
    for part, other_part in zip(path.split("/"), other.split("/"), strict=False):
        if part != other_part:
            if _fold(part) == _fold(other_part):
                raise UnsafePathError(
                    f"the file names {path!r} and {other!r} differ only in case, and some systems take {part!r} and "
                    f"{other_part!r} for one; rename one of them"
                )
            return


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
