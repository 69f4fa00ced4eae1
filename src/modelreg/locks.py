"""Files that one process at a time may hold."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def held(path: Path) -> Iterator[BinaryIO | None]:
    """Open a file, made if need be, that nobody else holds meanwhile; None where somebody does.

    The system lets go of it when the process ends, however it ends.
    """
    with path.open("a+b") as file:
        file.seek(0)
        yield file if _lock(file) and _is_at(path, file) else None


def _lock(file: BinaryIO) -> bool:
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # held, or a file system without locks
        return False
    return True


def _is_at(path: Path, file: BinaryIO) -> bool:
    """Tell whether a file was not removed, by whoever held it, since it was opened."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
