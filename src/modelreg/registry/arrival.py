"""One large file on its way down: it arrives with gaps, and is read again, in order, to be verified."""

import hashlib
from collections.abc import Callable
from contextlib import closing
from io import FileIO
from pathlib import Path

from modelreg.digest import CHUNK, Poured
from modelreg.records import File
from modelreg.store import Fetcher


class Prefix:
    """How many bytes of a file are on the disk without a gap, noted in case the process is killed.

    place: the file of the note; None: none is kept. The note is only a hint: what it says is there is hashed again.
    """

    def __init__(self, place: Path | None, file: File) -> None:
        self._place = place
        self._name = file.path

    def read(self, path: Path) -> int:
        """Return up to where what lies at `path` has no gap, as far as is known."""
        there = path.stat().st_size if path.exists() else 0
        try:
            size, _, name = self._place.read_text(encoding="utf-8").partition(" ") if self._place else ("", "", "")
        except FileNotFoundError:
            return there
        if name != self._name:  # it was done before the one that is noted was begun
            return there
        return min(int(size), there) if size.isdecimal() else 0

    def write(self, size: int) -> None:
        """Note that the first `size` bytes are there."""
        if self._place is not None:
            whole = self._place.with_name(f"{self._place.name}.new")
            whole.write_text(f"{size} {self._name}", encoding="utf-8")
            whole.replace(self._place)


def fetch(
    fetcher: Fetcher, key: str, path: Path, file: File, prefix: Prefix, progress: Callable[[int], None]
) -> tuple[Poured, int]:
    """Write a file, going on behind its prefix; return what lies on the disk then, and how much of it did before.

    Hashing follows the writing in a thread of its own. It reads what was written, so that it is the file that is
    verified. No more than one byte beyond the file's size is written, which shows that there are too many.
    """
    # Imported here: it costs as much as all else that a small model needs.
    from concurrent.futures import ThreadPoolExecutor

    present = min(prefix.read(path), file.size)
    if not present:  # a file that was cut to nothing is sent to the disk when it is closed, by ext4, which takes time
        path.unlink(missing_ok=True)
    with FileIO(path, "r+" if present else "x+") as target:
        if present:
            target.truncate(present)
        prefix.write(present)
        digest = _Digest(target)
        reached = present
        with ThreadPoolExecutor(1) as hasher:
            follows = hasher.submit(digest.follow, present, progress)
            with closing(fetcher(key, target.fileno(), present, file.size + 1, progress)) as arriving:
                for reached in arriving:
                    prefix.write(reached)
                    follows.result()  # fetching waits for it rather than the other way round, in the end
                    follows = hasher.submit(digest.follow, reached)
            follows.result()
    return Poured(reached, digest.sha256), present


class _Digest:
    """The sha256 of a file up to where it was read."""

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self._at = 0
        self._buffer = memoryview(bytearray(CHUNK))

    @property
    def sha256(self) -> str:
        """In hexadecimal."""
        return self._sha256.hexdigest()

    def follow(self, end: int, progress: Callable[[int], None] | None = None) -> None:
        """Read on up to `end`."""
        while self._at < end:
            count = self._file.readinto(self._buffer[: end - self._at])
            if not count:  # somebody has cut it off
                return
            self._sha256.update(self._buffer[:count])
            self._at += count
            if progress is not None:
                progress(count)
