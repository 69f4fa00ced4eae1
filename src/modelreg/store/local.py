"""A folder as a store."""

import errno
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from modelreg.digest import CHUNK, Poured, pour
from modelreg.errors import AccessDeniedError, KeyAbsentError, KeyExistsError, StoreError
from modelreg.store.protocol import Copier, Entry, Fetcher, Store

STAGING = ".tmp"
"""The folder, in the root, of files being written. No key begins with it."""

_ATTEMPTS = 100
_USUAL = 64 * 1024  # bytes that hold nearly every record; asked for more, Python sets all of it aside at once
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


class LocalStore:
    """A folder, made when it is first written to. Safe with any number of writers on one machine, and on NFS.

    A key appears by hard link (Windows: a rename that refuses to replace) of a file that is already on disk, so
    nobody ever reads half a record, and of two writers one is refused.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def url(self) -> str:
        """The folder's path."""
        return str(self._root)

    @property
    def parallel(self) -> int:
        """One key at a time keeps a disk busy."""
        return 1

    def create(self, key: str, data: bytes) -> None:
        """Write `data` at `key`, whole and durable, only if nothing lies there."""
        with self._staged() as (file, staged):
            file.write(data)
            _finish(file)
            self._publish(staged, self._root / key)

    def upload(
        self, key: str, source: Path, progress: Callable[[int], None] | None = None, *, resume: bool = False
    ) -> Poured:
        """Write a file's bytes at `key`, hashing them in the same pass."""
        # Imported here: most commands only read.
        from modelreg.files import pieces

        try:
            with self._staged() as (file, staged):
                poured = pour(pieces(source), file.write, progress)
                _finish(file)
                self._publish(staged, self._root / key)
        except KeyExistsError:
            if not resume or pour(self.stream(key)) != poured:
                raise
        return poured

    def copier(self, source: Store) -> Copier | None:  # noqa: ARG002  # the protocol's
        """Return None: a folder's bytes pass through the machine that reads them."""
        return None

    def matches(self, key: str, file: Poured, source: Path | None) -> bool:  # noqa: ARG002  # the protocol's
        """Tell whether a file lies at `key`, by its size and then its bytes."""
        try:
            with self._translated():
                if (self._root / key).stat().st_size != file.size:
                    return False
            return pour(self.stream(key)) == file
        except KeyAbsentError:
            return False

    def read(self, key: str, limit: int) -> bytes:
        """Return all bytes at `key`."""
        with self._translated(), (self._root / key).open("rb") as file:
            data = file.read(min(limit + 1, _USUAL))
            if len(data) == _USUAL:
                data += file.read(limit + 1 - _USUAL)
        if len(data) > limit:
            raise StoreError(f"{self.url}/{key} is larger than {limit:,} bytes")
        return data

    def stream(self, key: str, start: int = 0) -> Iterator[bytes]:
        """Yield the bytes at `key` from `start` on, in pieces."""
        with self._translated(), (self._root / key).open("rb", buffering=0) as file:
            file.seek(start)
            while piece := file.read(CHUNK):
                yield piece

    def fetcher(self) -> Fetcher | None:
        """Return None: a disk is read in order."""
        return None

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Yield every key that begins with `prefix`, sorted, with its size."""
        folder = prefix.rpartition("/")[0]
        with self._translated():
            yield from sorted(entry for entry in self._walk(folder) if entry.key.startswith(prefix))

    def folders(self, prefix: str) -> list[str]:
        """Return, sorted, the names of the folders in the folder `prefix` that hold something."""
        with self._translated():
            try:
                with os.scandir(self._root / prefix) as items:
                    names = sorted(item.name for item in items if item.is_dir())
            except (FileNotFoundError, NotADirectoryError):
                return []
            return [name for name in names if any(self._walk(f"{prefix}{name}"))]

    def delete(self, key: str) -> None:
        """Remove what lies at `key`, and the folders that this leaves empty."""
        path = self._root / key
        with self._translated():
            try:
                path.unlink()
            except FileNotFoundError:
                return
            for folder in path.parents:
                if folder == self._root:
                    break
                try:
                    folder.rmdir()
                except OSError:
                    break

    def sweep(self, before: datetime, *, apply: bool) -> int:
        """Remove old files from the staging folder; return how many bytes they hold."""
        size = 0
        with self._translated():
            for entry in list(self._walk(STAGING)):
                path = self._root / entry.key
                with suppress(FileNotFoundError):  # its writer has just finished
                    if path.stat().st_mtime <= before.timestamp():
                        size += entry.size
                        if apply:
                            path.unlink()
        return size

    def clock(self) -> datetime:
        """Return the time by the file system's clock: on NFS, the server's."""
        with self._staged() as (file, _):
            return datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)

    def _walk(self, folder: str) -> Iterator[Entry]:
        try:
            with os.scandir(self._root / folder) as items:
                found = list(items)
        except (FileNotFoundError, NotADirectoryError):
            return
        for item in found:
            key = f"{folder}/{item.name}" if folder else item.name
            if item.is_dir():
                if key != STAGING:
                    yield from self._walk(key)
            else:
                with suppress(FileNotFoundError):  # deleted since it was listed
                    yield _entry(key, item.stat())

    @contextmanager
    def _staged(self) -> Iterator[tuple[BinaryIO, Path]]:
        """Open a new file in the staging folder, and remove it in the end."""
        folder = self._root / STAGING
        path = folder / os.urandom(16).hex()
        with self._translated():
            try:
                _flush_folders(made.parent for made in _make_folders(folder))
                with path.open("xb") as file:
                    yield file, path
            except FileNotFoundError:
                raise StoreError(f"the registry {self.url} was removed while it was written to; try again") from None
            finally:
                with suppress(OSError):
                    path.unlink()

    def _publish(self, staged: Path, target: Path) -> None:
        unsettled = {target.parent}
        for attempt in range(_ATTEMPTS):
            try:
                unsettled.update(made.parent for made in _make_folders(target.parent))
                self._link(staged, target)
                break
            except FileNotFoundError:
                # Somebody who deletes has removed a folder on the way, which was empty until now.
                if attempt == _ATTEMPTS - 1 or not staged.exists():
                    raise
        with suppress(FileNotFoundError):  # what was published is deleted already
            _flush_folders(unsettled)

    def _link(self, staged: Path, target: Path) -> None:
        if os.name == "nt":
            staged.rename(target)  # Windows refuses to replace
            return
        try:
            os.link(staged, target)
        except FileExistsError:
            # On NFS it may be our own: the answer was lost, and the client asked again.
            if not staged.samefile(target):
                raise
        except OSError as error:
            if error.errno == errno.EXDEV:
                raise StoreError(
                    f"{target.parent} lies on another file system than {self.url}; keep a registry on one"
                ) from None
            if error.errno in _NO_LINKS and os.access(target.parent, os.W_OK):
                raise StoreError(
                    f"the file system of {self.url} has no hard links, without which writers could overwrite one "
                    "another; choose a folder on another file system"
                ) from None
            raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn the system's errors into the store's."""
        try:
            yield
        except FileNotFoundError as error:
            raise KeyAbsentError(f"{error.filename} does not exist") from None
        except FileExistsError as error:
            if error.filename2 is not None:  # of a link, the only two-sided call that fails so
                raise KeyExistsError(f"{error.filename2} exists already") from None
            raise StoreError(f"the registry needs a folder where {error.filename} is a file") from None
        except NotADirectoryError as error:
            raise StoreError(f"the registry {self.url} cannot be used: {error.filename} is not in a folder") from None
        except OSError as error:
            if error.errno in _DENIED:
                what = error.filename2 or error.filename or self.url
                raise AccessDeniedError(f"no permission for {what}, in the registry") from None
            if error.errno in _FULL:
                raise StoreError(f"the disk of the registry {self.url} is full") from None
            raise StoreError(f"the registry {self.url} cannot be used: {error.strerror or error}") from None


def _entry(key: str, status: os.stat_result) -> Entry:
    # Nobody can set the time of change: whatever is written to a file, or put in its place, has another.
    return Entry(key, status.st_size, f"{status.st_ino} {status.st_mtime_ns} {status.st_ctime_ns}")


def _finish(file: BinaryIO) -> None:
    """Flush a file to the disk and close it: Windows does not rename an open one."""
    file.flush()
    if sys.platform == "darwin":
        import fcntl

        try:
            fcntl.fcntl(file.fileno(), fcntl.F_FULLFSYNC)
        except OSError:  # a file system of another machine may not know it
            os.fsync(file.fileno())
    else:
        os.fsync(file.fileno())
    file.close()


def _make_folders(folder: Path) -> list[Path]:
    """Make a folder and those above it; return those that were missing.

    They are flushed later: the less time until something lies in them, the less can a deleter get in between.
    """
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for folder in reversed(missing):
        try:
            folder.mkdir()
        except FileExistsError:
            if not stat.S_ISDIR(folder.stat().st_mode):  # else somebody else has made it
                raise
    return missing


def _flush_folders(folders: Iterable[Path]) -> None:
    if os.name == "nt":
        return  # Windows cannot, and needs not
    for folder in folders:
        try:
            descriptor = os.open(folder, os.O_RDONLY)
        except PermissionError:
            continue  # above the registry, a folder may be closed to us; within, it is always readable
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
