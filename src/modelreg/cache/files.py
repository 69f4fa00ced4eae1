"""Pulled files, kept by their sha256 and verified whenever they are used."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from modelreg.digest import pour
from modelreg.errors import ModelregError
from modelreg.files import pieces
from modelreg.records import File

_SPARE = 10
"""The cache takes no more of a disk if less than one part in so many would be free."""

_FICLONE = 0x40049409
"""Linux's ioctl by which a file shares another's blocks until one of the two is written to; see ioctl_ficlone(2)."""


class FileCache:
    """Files by digest, in a folder that any number of processes may use at once.

    It is never a reason to fail: what cannot be kept is not, and what is not right is fetched again.

    A pulled file is kept as a file that shares its blocks until one of the two is written to, where the file system can
    (btrfs, XFS), else as a hard link, else as a copy. It is handed out as the first or the last of these, never as a
    link: so no two pulled folders are ever the same file, and who edits one spoils the entry at most, which is noticed.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self._files = folder / "files"
        self._staging = folder / "tmp"
        self._most = most
        """Bytes; a file that is larger is not kept."""
        self._clones = True
        """Whether files of the cache can share the blocks of others, as far as that was tried."""

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

        target.unlink(missing_ok=True)  # left by an attempt that was killed, it may be the entry itself
        with target.open("xb") as written:
            cloned = self._clones and _clone(entry, written)
            try:
                poured = pour(pieces(target if cloned else entry), None if cloned else written.write, tell)
            except ModelregError:  # it cannot be read, or another process has dropped it
                poured = None
        if poured == (file.size, file.sha256):
            with suppress(OSError):  # used now; but the time of its change may be a pulled file's, too
                os.utime(entry, ns=(time.time_ns(), entry.stat().st_mtime_ns))
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
        with suppress(OSError):
            entry.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            return self._cloned(source, entry) or _linked(source, entry) or self._copied(source, entry, file.size)
        return False

    def _cloned(self, source: Path, entry: Path) -> bool:
        if self._clones:
            with self._staged() as staged, staged.open("xb") as written:
                self._clones = _clone(source, written)
                if self._clones:
                    staged.replace(entry)
        return self._clones

    def _copied(self, source: Path, entry: Path, size: int) -> bool:
        with self._staged() as staged:
            total, _, free = shutil.disk_usage(staged.parent)
            if free - size < total // _SPARE:
                return False
            shutil.copyfile(source, staged)
            staged.replace(entry)
        return True

    @contextmanager
    def _staged(self) -> Iterator[Path]:
        """Yield where a file may be made that is no entry yet, and remove in the end what still lies there."""
        self._staging.mkdir(mode=0o700, parents=True, exist_ok=True)
        staged = self._staging / os.urandom(16).hex()
        try:
            yield staged
        finally:
            staged.unlink(missing_ok=True)


def _linked(source: Path, entry: Path) -> bool:
    try:
        os.link(source, entry)
    except OSError:  # another file system, or one without links; or another process has just kept it
        return False
    return True


def _clone(source: Path, target: BinaryIO) -> bool:
    """Let an empty file share the blocks of another; tell whether the file system can do that."""
    try:
        import fcntl

        with source.open("rb") as file:
            fcntl.ioctl(target.fileno(), _FICLONE, file.fileno())
    except (ImportError, OSError):
        return False
    return True
