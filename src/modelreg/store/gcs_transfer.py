"""Bytes on their way to GCS: the parts of a file, which the service joins."""

from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelreg.digest import Poured, pour
from modelreg.errors import ModelregError, StoreError
from modelreg.files import pieces
from modelreg.store.parts import Parts, part_size

if TYPE_CHECKING:
    from modelreg.store.gcs import GCSStore

STAGING = ".tmp/"
"""Where the parts of a large file lie until they are joined. No key begins with it."""

_MOST_PARTS = 10_000
_SENT = 3
"""How many parts go up at once: the SDK copies each of them several times."""

_JOINED = 32
"""How many objects GCS joins in one request."""


class Upload:
    """One file on its way. A resumed one finds what an earlier attempt has sent, and checks it."""

    def __init__(self, store: "GCSStore", key: str, *, resume: bool) -> None:
        import google_crc32c

        self._store = store
        self._key = key
        self._resume = resume
        self._sum = google_crc32c.Checksum()
        self._present: dict[str, Any] = {}
        self._whole: str | None = None
        """The checksum of an object that lies at the key already; nothing is sent then."""

    def pour(self, source: Path, progress: Callable[[int], None] | None) -> Poured:
        """Send the file, hashing it in the same pass; with `resume`, only what does not lie there already."""
        parts = Parts(part_size(source, _MOST_PARTS), self._begin, self._send, _SENT)

        def write(chunk: bytes) -> None:
            self._sum.update(chunk)
            parts.write(chunk)

        try:
            poured = pour(pieces(source), write, progress)
            if not parts.begun:
                self._put(parts.whole())
            elif not self._finish(parts.finish()):
                self._store.delete(self._key)
                return Upload(self._store, self._key, resume=self._resume).pour(source, None)
        except BaseException:
            parts.abandon()
            if parts.begun and not self._resume:
                with suppress(Exception):
                    self._remove_parts()
            raise
        return poured

    @property
    def _checksum(self) -> str:
        """The checksum of all that was written so far."""
        return b64encode(self._sum.digest()).decode()

    def _put(self, data: bytes) -> None:
        if not (self._resume and self._there() == self._checksum):
            self._store.put(self._key, data, is_file=True)

    def _begin(self) -> None:
        if self._resume:
            self._whole = self._there()
            self._present = self._store.parts(self._key)

    def _send(self, number: int, data: bytes) -> str:
        part = f"{STAGING}{self._key}/{number:06d}"
        if not self._whole and not (part in self._present and self._present[part].crc32c == _crc32c(data)):
            self._store.put(part, data)
        return part

    def _finish(self, parts: list[str]) -> bool:
        """Join parts to one object, over as many steps as it takes; return False where another lies there."""
        if self._whole:
            return self._whole == self._checksum
        level = 0
        while level == 0 or len(parts) > 1:
            level += 1
            groups = [parts[start : start + _JOINED] for start in range(0, len(parts), _JOINED)]
            staged = [f"{STAGING}{self._key}/{level}-{number:06d}" for number in range(len(groups))]
            targets = staged if len(groups) > 1 else [self._key]
            for target, group in zip(targets, groups, strict=True):
                joined = self._store.blob(target, is_file=target == self._key)
                joined.compose([self._store.blob(part) for part in group], retry=self._store.retry)
            parts = targets
        if joined.crc32c not in (None, self._checksum):
            self._store.delete(self._key)
            raise StoreError(f"{self._store.url}/{self._key} was damaged on its way; try again")
        self._remove_parts()
        return True

    def _remove_parts(self) -> None:
        for part in self._store.parts(self._key):
            with suppress(ModelregError):  # without the permission, they stay until a sweep
                self._store.delete(part)

    def _there(self) -> str | None:
        """Return the checksum of what lies at the key, if anything does."""
        return _there(self._store, self._key)[1]


def matches(store: "GCSStore", key: str, file: Poured, source: Path | None) -> bool:
    """Tell whether a file lies at a key, by its size and the checksum that the service keeps; see `Store.matches`."""
    import google_crc32c

    size, checksum = _there(store, key)
    if size != file.size:
        return False
    if checksum is None or source is None:
        return True
    found = google_crc32c.Checksum()
    for piece in pieces(source):
        found.update(piece)
    return checksum == b64encode(found.digest()).decode()


def _there(store: "GCSStore", key: str) -> tuple[int | None, str | None]:
    """Return the size and the checksum of what lies at a key, if anything does."""
    blob = store.blob(key)
    if not blob.exists(retry=store.retry):
        return None, None
    blob.reload(retry=store.retry)
    return blob.size, blob.crc32c


def _crc32c(data: bytes) -> str:
    import google_crc32c

    return b64encode(google_crc32c.value(data).to_bytes(4)).decode()
