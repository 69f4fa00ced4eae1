"""Files of this machine: read piece by piece, with errors that name the file."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from modelreg.digest import CHUNK
from modelreg.errors import AccessDeniedError, ModelregError, NotFoundError, UnsafePathError, UsageError
from modelreg.paths import check_paths

STAGED = ".tmp"
"""How the name of a file ends that is being written, and gets its own name by a rename."""


class SourceFile(NamedTuple):
    """A file to be registered: where it is, and its path in the artifact."""

    location: Path
    path: str
    size: int


class SourceTree(NamedTuple):
    """What is to be registered: `layout` is `file` or `folder`, `losses` what a registry does not keep of it."""

    layout: str
    files: tuple[SourceFile, ...]
    losses: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(file.size for file in self.files)


def pieces(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a regular file in pieces of a MiB.

    Raises:
        NotFoundError, AccessDeniedError, UnsafePathError: it cannot be read, or is no regular file (any more).
    """
    try:
        with open(path, "rb", buffering=0, opener=_open_regular) as file:
            while piece := file.read(CHUNK):
                yield piece
    except OSError as error:
        raise _unreadable(path, error) from None


def write_text(path: Path, text: str) -> None:
    """Write a file as a whole or not at all; one that is there is replaced.

    Raises:
        NotFoundError, AccessDeniedError, ModelregError: it cannot be written.
    """
    try:
        _write_whole(path, text.encode())
    except (FileNotFoundError, NotADirectoryError):
        raise NotFoundError(f"there is no folder {path.parent} to write {path.name} to") from None
    except PermissionError:
        raise AccessDeniedError(f"no permission to write {path}") from None
    except OSError as error:
        raise ModelregError(f"{path} cannot be written: {error.strerror or error}") from None


def try_to_write(path: Path, data: bytes) -> None:
    """Write a file of a cache, and the folders above it, as `write_text` does; where that cannot be, do without."""
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_whole(path, data)


def _write_whole(path: Path, data: bytes) -> None:
    staged = path.with_name(f".{os.urandom(8).hex()}{STAGED}")
    try:
        staged.write_bytes(data)
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)


def _open_regular(path: str, flags: int) -> int:
    """Open a regular file and nothing else: no symlink, and no pipe, where opening would wait for a writer."""
    descriptor = os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UnsafePathError(f"{path} is no file any more")
    return descriptor


def find_source(path: Path) -> SourceTree:
    """List the files of `path`, a file or a folder (or a symlink to one), sorted by their path in the artifact.

    Raises:
        NotFoundError: there is nothing.
        UsageError: a folder without files.
        UnsafePathError: a file name that cannot be stored, a symlink, a socket or a device.
        AccessDeniedError: something cannot be read.
    """
    try:
        root = path.resolve(strict=True)
        status = root.stat()
    except OSError as error:
        raise _unreadable(path, error) from None
    except ValueError:  # a zero byte
        raise NotFoundError(f"there is no file or folder {str(path)!r}") from None
    except RuntimeError:  # a symlink that leads to itself, before Python 3.13
        raise UnsafePathError(f"{path} is a symlink that leads to itself") from None
    if stat.S_ISREG(status.st_mode):
        files = [SourceFile(root, path.name, status.st_size)]
        losses: list[str] = []
    elif stat.S_ISDIR(status.st_mode):
        files, losses = _files_below(root)
    else:
        raise UnsafePathError(f"{path} is neither a file nor a folder")
    if not files:
        raise UsageError(f"the folder {path} holds no file, so there is nothing to register")
    files.sort(key=lambda file: file.path)
    check_paths(file.path for file in files)
    for file in files:
        if not os.access(file.location, os.R_OK):
            raise AccessDeniedError(f"no permission to read {file.location}")
    return SourceTree("folder" if stat.S_ISDIR(status.st_mode) else "file", tuple(files), tuple(losses))


def _files_below(root: Path) -> tuple[list[SourceFile], list[str]]:
    files: list[SourceFile] = []
    empty = executable = 0
    pending = [(root, "")]
    while pending:
        folder, prefix = pending.pop()
        try:
            with os.scandir(folder) as items:
                found = list(items)
        except OSError as error:
            raise _unreadable(folder, error) from None
        empty += not found
        for item in found:
            path = f"{prefix}{item.name}"
            if item.is_dir(follow_symlinks=False):
                pending.append((Path(item.path), f"{path}/"))
                continue
            if not item.is_file(follow_symlinks=False):
                what = "a symlink; put the file itself there" if item.is_symlink() else "a socket, a pipe or a device"
                raise UnsafePathError(f"{item.path} is {what}")
            try:
                status = item.stat(follow_symlinks=False)
            except OSError as error:
                raise _unreadable(Path(item.path), error) from None
            executable += bool(status.st_mode & 0o111) and os.name != "nt"
            files.append(SourceFile(Path(item.path), path, status.st_size))
    losses = [f"{empty} empty folder{'s' * (empty > 1)}"] if empty and files else []
    losses += [f"the executable mark of {executable} file{'s' * (executable > 1)}"] if executable else []
    return files, losses


def _unreadable(path: Path, error: OSError) -> ModelregError:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return NotFoundError(f"there is no file or folder {path}")
    if error.errno in (errno.EACCES, errno.EPERM):
        return AccessDeniedError(f"no permission to read {path}")
    if error.errno == errno.ELOOP:
        return UnsafePathError(f"{path} is a symlink, or leads through too many")
    return ModelregError(f"{path} cannot be read: {error.strerror or error}")
