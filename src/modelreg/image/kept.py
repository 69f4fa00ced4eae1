"""What is kept of an image's files: what tells which packages and which Python are there. Pure."""

import re
from collections.abc import Callable
from typing import IO

MAX_KEPT = 32 * 1024 * 1024
"""The largest file that is kept, in bytes."""

_OF_PACKAGES = frozenset(
    {
        "METADATA",
        "PKG-INFO",
        "RECORD",
        "WHEEL",
        "INSTALLER",
        "REQUESTED",
        "direct_url.json",
        "top_level.txt",
        "requires.txt",
    }
)
_INFO = (".dist-info", ".egg-info")
_SITES = ("site-packages", "dist-packages")
_SYSTEM = frozenset(
    {
        *("etc/passwd", "etc/os-release", "usr/lib/os-release"),
        *("var/lib/dpkg/status", "lib/apk/db/installed", "usr/lib/apk/db/installed"),
    }
)
_LIBC = re.compile(r"(usr/)?lib(32|64)?/([^/]+-linux-gnu[^/]*/)?libc(\.so\.6|-2\.[0-9]+\.so)")
_LIBC_VERSION = re.compile(rb"GNU C Library [^\n\0]{0,100} release version ([0-9]+\.[0-9]+)")
_INTERPRETER = re.compile(r"(bin/python3\.[0-9]+t?|lib[^/]*/([^/]+/)?libpython3\.[0-9]+t?\.so[0-9.]*)$")
_PYTHON_VERSION = re.compile(rb"\0(3\.[0-9]{1,2}\.[0-9]{1,2}(?:(?:a|b|rc)[0-9]+)?)\0")
_WINDOW = 256  # bytes that two pieces of a file have in common, so that no match is cut
_PIECE = 1024 * 1024
_MAX_SCANNED = 256 * 1024 * 1024
_MAX_FIRST_LINES = 512

Reader = Callable[[IO[bytes]], bytes]


def reader_of(path: str, size: int) -> Reader | None:
    """Return the function that reads what is kept of a file; None where nothing of it is kept.

    path: from the root, without a `/` at its beginning. size: in bytes.
    """
    folder, _, name = path.rpartition("/")
    parent = folder.rpartition("/")[2]
    if _is_kept_whole(path, name, parent):
        return None if size > MAX_KEPT else _headers if name in ("METADATA", "PKG-INFO") else _whole
    if parent in ("bin", "sbin") and 0 < size < MAX_KEPT and _INTERPRETER.search(path) is None:
        return _first_lines
    if size <= _MAX_SCANNED and _LIBC.fullmatch(path):
        return lambda file: _found(file, _LIBC_VERSION)
    if size <= _MAX_SCANNED and _INTERPRETER.search(path):
        return lambda file: _found(file, _PYTHON_VERSION)
    return None


def _is_kept_whole(path: str, name: str, parent: str) -> bool:
    return (
        (name in _OF_PACKAGES and (parent.endswith(_INFO) or parent == "EGG-INFO"))
        or name.endswith((".egg-info", ".egg-link"))
        or (parent in _SITES and name.endswith(".pth"))
        or (parent == "conda-meta" and name.endswith(".json"))
        or (name == "patchlevel.h" and parent.startswith(("python", "pypy")))
        or name == "pyvenv.cfg"
        or path in _SYSTEM
        or path.startswith("var/lib/dpkg/status.d/")
    )


def _whole(file: IO[bytes]) -> bytes:
    return file.read()  # of at most MAX_KEPT


def _headers(file: IO[bytes]) -> bytes:
    """Read metadata without the description, which may be a whole page."""
    head, end, _ = file.read().replace(b"\r\n", b"\n").partition(b"\n\n")
    return head + end


def _first_lines(file: IO[bytes]) -> bytes:
    """Read the lines of a script that say what runs it; nothing of a program."""
    data = file.read(_MAX_FIRST_LINES)
    return b"\n".join(data.split(b"\n")[:2]) if data.startswith(b"#!") else b""


def _found(file: IO[bytes], pattern: re.Pattern[bytes]) -> bytes:
    """Return what a pattern finds in a program: each different match, one a line."""
    matches: dict[bytes, None] = {}
    tail = b""
    while piece := file.read(_PIECE):
        window = tail + piece
        matches |= dict.fromkeys(pattern.findall(window))
        tail = window[-_WINDOW:]
    return b"\n".join(matches)
