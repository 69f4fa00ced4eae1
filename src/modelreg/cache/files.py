"""Pulled files, kept by their sha256 and verified whenever they are used."""

import os
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from modelreg.digest import Poured, pour
from modelreg.errors import ModelregError
from modelreg.files import pieces
from modelreg.records import File

_SPARE = 10
"""The cache takes no more of a disk if less than one part in so many would be free."""

_FICLONE = 0x40049409
"""Linux's ioctl by which a file shares another's blocks until one of the two is written to; see ioctl_ficlone(2)."""


class FileCache:
    """Files by digest, in a folder that any number of processes may use at once.

    It is never a reason to fail: what cannot be kept is not, and what is not right is fetched again. A pulled file is
    the user's to edit, so it is never a hard link into the cache: it is a copy, or, where the file system can (btrfs,
    XFS), shares the blocks until one of the two is written to.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self._files = folder / "files"
        self._staging = folder / "tmp"
        self._most = most
        """Bytes; a file that is larger is not kept."""

    def place(self, sha256: str) -> Path:
        """Return where a file is kept, if it is."""
        return self._files / sha256[:2] / sha256

    def take(self, file: File, target: Path, progress: Callable[[int], None]) -> bool:
        """Write a file that is kept to `target`, verifying what is written; tell whether it is there now.

        One that was damaged is dropped, and nothing stays at `target`. progress: told of the bytes, which are taken
        back where they were wrong.

        Raises:
            OSError: `target` cannot be written.
        """
        entry = self.place(file.sha256)
        if not entry.is_file():
            return False
        told: list[int] = []

        def tell(size: int) -> None:
            told.append(size)
            progress(size)

        with target.open("wb") as written:
            poured = _copied(entry, target, written, tell)
        if poured == (file.size, file.sha256):
            with suppress(OSError):
                os.utime(entry)  # used now; what was not used for longest goes first
            return True
        progress(-sum(told))
        target.unlink()
        with suppress(OSError):
            entry.unlink()
        return False

    def keep(self, source: Path, file: File) -> bool:
        """Keep a file that was just verified; tell whether it takes more room now.

        It appears whole, by a rename, or not at all.
        """
        entry = self.place(file.sha256)
        if file.size > self._most or entry.exists():
            return False
        staged = self._staging / secrets.token_hex(16)
        with suppress(OSError):
            for folder in (self._staging, entry.parent):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            total, _, free = shutil.disk_usage(self._staging)
            if free - file.size < total // _SPARE:
                return False
            try:
                with staged.open("xb") as written:
                    if not _cloned(source, written):
                        shutil.copyfile(source, staged)
                staged.replace(entry)
            finally:
                staged.unlink(missing_ok=True)
            return True
        return False


def _copied(entry: Path, target: Path, written: BinaryIO, progress: Callable[[int], None]) -> Poured | None:
    """Copy an entry into an open file and hash what is there then; None where it cannot be read."""
    cloned = _cloned(entry, written)
    try:
        return pour(pieces(target if cloned else entry), None if cloned else written.write, progress)
    except ModelregError:  # or another process has dropped it
        return None


def _cloned(source: Path, target: BinaryIO) -> bool:
    """Let an empty file share the blocks of another; tell whether the file system can do that."""
    try:
        import fcntl

        with source.open("rb") as file:
            fcntl.ioctl(target.fileno(), _FICLONE, file.fileno())
    except (ImportError, OSError):
        return False
    return True
