"""What was read of layers, kept in the user's cache folder by their digests."""

import gzip
import json
import zlib
from collections.abc import Sequence
from pathlib import Path

from modelreg.files import try_to_write
from modelreg.image.layer import Entry
from modelreg.settings import cache_folder

_RULES = "1"
"""Raised when something else is kept of a layer, or written otherwise."""


def cached(digest: str) -> list[Entry] | None:
    """Return what was read of a layer before; None where it was not, or where that is damaged."""
    try:
        data = gzip.decompress(_place(digest).read_bytes())
        return [Entry(*entry) for entry in json.loads(data)]
    except (OSError, EOFError, zlib.error, ValueError, TypeError):
        return None


def remember(digest: str, entries: Sequence[Entry]) -> None:
    """Keep what was read of a layer; where that is not possible it is read again another time."""
    data = json.dumps(entries, separators=(",", ":")).encode()
    try_to_write(_place(digest), gzip.compress(data, 3, mtime=0))


def _place(digest: str) -> Path:
    return cache_folder() / "layers" / _RULES / f"{digest.removeprefix('sha256:')}.json.gz"
