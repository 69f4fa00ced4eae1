"""A store around another one, for tests that count or order what is written, or that need it to misbehave."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from modelreg.digest import Piece, Poured
from modelreg.store import Copier, Entry, Fetcher, Store


class WatchedStore:
    """Passes everything on. `writes` holds what was asked to be written, in order: `create` or `upload`, and the key.

    before: called with the key and the data of each record that is about to be created.
    """

    def __init__(self, inner: Store, before: Callable[[str, bytes], None] | None = None) -> None:
        self.inner = inner
        self.writes: list[tuple[str, str]] = []
        self._before = before

    @property
    def uploads(self) -> list[str]:
        """The keys that were uploaded."""
        return [key for what, key in self.writes if what == "upload"]

    @property
    def url(self) -> str:
        return self.inner.url

    @property
    def parallel(self) -> int:
        return 1  # so that what is written is written in order

    def create(self, key: str, data: bytes) -> None:
        self.writes.append(("create", key))
        if self._before is not None:
            self._before(key, data)
        self.inner.create(key, data)

    def upload(
        self, key: str, source: Path, progress: Callable[[int], None] | None = None, *, resume: bool = False
    ) -> Poured:
        self.writes.append(("upload", key))
        return self.inner.upload(key, source, progress, resume=resume)

    def copier(self, source: Store) -> Copier | None:
        return self.inner.copier(source)

    def matches(self, key: str, file: Poured, source: Path | None) -> bool:
        return self.inner.matches(key, file, source)

    def read(self, key: str, limit: int) -> bytes:
        return self.inner.read(key, limit)

    def stream(self, key: str, start: int = 0) -> Iterator[Piece]:
        return self.inner.stream(key, start)

    def fetcher(self) -> Fetcher | None:
        return self.inner.fetcher()

    def entries(self, prefix: str) -> Iterator[Entry]:
        return self.inner.entries(prefix)

    def folders(self, prefix: str) -> list[str]:
        return self.inner.folders(prefix)

    def delete(self, key: str) -> None:
        self.inner.delete(key)

    def sweep(self, before: datetime, *, apply: bool) -> int:
        return self.inner.sweep(before, apply=apply)

    def clock(self) -> datetime:
        return self.inner.clock()
