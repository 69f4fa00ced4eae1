"""What is in the cache, of which versions, and what goes first when there is too much of it."""

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from modelreg.cache.files import FileCache
from modelreg.canonical import MAX_BYTES, decode, encode
from modelreg.errors import IntegrityError
from modelreg.fields import Fields
from modelreg.files import STAGED, try_to_write
from modelreg.records import File
from modelreg.version import Version

_ABANDONED = 3600
"""Seconds after which a half-written file that nobody writes to any more was left by a process that was killed."""

_ROUNDED = 0.9
"""How much of the bound is left in use when it was exceeded, so that not each pull has to make room."""


_PULLED = ("files", "records", "versions", "tmp")
"""What `pull` keeps, and what the cache's bound is for."""

_READ = ("listed", "layers")
"""Records of large registries, and what was read of images' layers."""

_ENVIRONMENTS = "environments"
"""What `env run` made; each goes as a whole."""


class Item(NamedTuple):
    """A file of the cache, or a whole environment. used: when it was last, in seconds since 1970."""

    used: float
    path: Path
    size: int


class Kept(NamedTuple):
    """A version of which files are in the cache.

    files, size: how many and how large those are that the version has; kept_files, kept_size: those that are here.
    used: when one of them was last, in seconds since 1970.
    """

    registry: str
    reference: str
    files: int
    size: int
    kept_files: int
    kept_size: int
    used: float


class Pruned(NamedTuple):
    """What a pruning removes, or would; an environment is one file. applied: whether it did. left: bytes that stay."""

    files: int
    size: int
    left: int
    applied: bool


class Inventory:
    """The cache in a folder as a whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files = FileCache(folder, 0)
        self._notes = folder / "versions"

    def note(self, registry: str, version: Version, files: Sequence[File]) -> None:
        """Note which files a pulled version has."""
        named = [{"path": file.path, "sha256": file.sha256, "size": file.size} for file in files]
        record = {"files": named, "reference": version.reference, "registry": registry}
        try_to_write(self._notes / f"{version.digest.removeprefix('sha256:')}.json", encode(record))

    def versions(self) -> list[Kept]:
        """Return the versions of which files are here, the one used last first."""
        items = {item.path: item for item in self._below("files")}
        found = []
        for path, registry, reference, sizes in self._noted():
            here = [items[place] for place in map(self._files.place, sizes) if place in items]
            if here:
                used = max(item.used for item in here)
                kept = sum(item.size for item in here)
                found.append(Kept(registry, reference, len(sizes), sum(sizes.values()), len(here), kept, used))
            else:
                with suppress(OSError):
                    path.unlink()
        return sorted(found, key=lambda kept: (-kept.used, kept.registry, kept.reference))

    def size(self) -> int:
        """Return how many bytes what was pulled takes."""
        return sum(item.size for item in self._pulled())

    def prune(self, *, unused_for: timedelta = timedelta(), most: int = 0, apply: bool) -> Pruned:
        """Remove what was not used for so long, the longest unused first, until no more than `most` bytes are left.

        With neither, everything goes. apply: without it, nothing is removed.
        """
        return self._prune(sorted([*self._pulled(), *self._others()]), unused_for, most, apply=apply)

    def _prune(self, items: list[Item], unused_for: timedelta, most: int, *, apply: bool) -> Pruned:
        before = time.time() - unused_for.total_seconds()
        left = sum(item.size for item in items)
        files = size = 0
        for item in items:
            if item.used > before or (most and left <= most):
                break
            if apply and not _removed(item.path):
                continue
            files, size, left = files + 1, size + item.size, left - item.size
        if apply:
            self.versions()  # forgets those of which nothing is left
        return Pruned(files, size, left, apply)

    def bound(self, most: int) -> None:
        """Make room where the cache has become larger than `most` bytes, and clear away what killed processes left."""
        for item in self._below("tmp"):
            if item.used < time.time() - _ABANDONED:
                _removed(item.path)
        if self.size() > most:
            self._prune(sorted(self._pulled()), timedelta(), int(most * _ROUNDED), apply=True)

    def _pulled(self) -> Iterator[Item]:
        for name in _PULLED:
            yield from self._below(name)

    def _others(self) -> Iterator[Item]:
        for name in _READ:
            yield from self._below(name)
        with suppress(OSError):  # there is none
            for folder in (self.folder / _ENVIRONMENTS).iterdir():
                inside = f"{_ENVIRONMENTS}/{folder.name}"
                if folder.is_dir():
                    yield Item(folder.stat().st_mtime, folder, sum(item.size for item in self._below(inside)))

    def _below(self, name: str) -> Iterator[Item]:
        for folder, _, names in os.walk(self.folder / name):
            for file in names:
                path = Path(folder, file)
                with suppress(OSError):  # removed by another process since it was listed
                    status = path.stat()
                    yield Item(max(status.st_atime, status.st_mtime), path, status.st_size)

    def _noted(self) -> Iterator[tuple[Path, str, str, dict[str, int]]]:
        """Yield each note: where it is, the registry, the version, and the sizes of its files by sha256."""
        for item in sorted(self._below("versions"), key=lambda item: item.path):
            if item.path.suffix == STAGED:
                continue
            try:
                with item.path.open("rb") as file:
                    note = Fields(decode(file.read(MAX_BYTES)))
                sizes = {one.sha256("sha256"): one.integer("size") for one in note.children("files")}
                yield item.path, note.text("registry"), note.text("reference"), sizes
            except (OSError, IntegrityError):  # damaged: the files are there without it
                with suppress(OSError):
                    item.path.unlink()


def _removed(path: Path) -> bool:
    """Remove a file or an environment; tell whether that was possible. Windows keeps what another process has open."""
    try:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError:
        return False
    return True
