"""Writing a small file of the cache."""

import os
from contextlib import suppress
from pathlib import Path

STAGED = ".tmp"


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that appears whole, by a rename, in place of an earlier one; where that cannot be, do without."""
    staged = path.with_name(f"{os.urandom(16).hex()}{STAGED}")
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            staged.write_bytes(data)
            staged.replace(path)
        finally:
            staged.unlink(missing_ok=True)
