"""Files that one process at a time may hold."""

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_LOOK = 0.1  # seconds between two looks
_HELD = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK)
"""What the system says of a file that somebody else holds."""


@contextmanager
def held(path: Path) -> Iterator[BinaryIO | None]:
    """Open a file, made if need be, that nobody else holds meanwhile; None where somebody does.

    The system lets go of it when the process ends, however it ends.
    """
    with path.open("a+b") as file:
        file.seek(0)
        yield file if _lock(file) and _is_at(path, file) else None


@contextmanager
def alone(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Make a file that nobody else holds meanwhile, once whoever holds it lets go, and remove it in the end.

    waiting: called again and again until then. On a file system without locks nobody is waited for.
    """
    while True:
        with path.open("a+b") as file:
            locked = _lock(file)
            if locked is None or (locked and _is_at(path, file)):
                try:
                    yield
                finally:
                    with suppress(OSError):  # Windows does not remove what is open
                        path.unlink()
                return
        waiting()
        time.sleep(_LOOK)


def _lock(file: BinaryIO) -> bool | None:
    """Hold a file; tell whether that worked, or None where the file system has no locks."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in _HELD else None
    return True


def _is_at(path: Path, file: BinaryIO) -> bool:
    """Tell whether a file was not removed, by whoever held it, since it was opened."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
