"""A store in a dictionary: it implements the protocol, so nothing has to be patched."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from modelreg.digest import CHUNK, Poured, pour
from modelreg.errors import KeyAbsentError, KeyExistsError, StoreError
from modelreg.files import pieces
from modelreg.store import Copier, Entry, Fetcher, Store


class MemoryStore:
    """Keys and bytes in `content`, which tests may look at and damage."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return "memory://"

    @property
    def parallel(self) -> int:
        return 1

    def create(self, key: str, data: bytes) -> None:
        with self._lock:
            if key in self.content:
                raise KeyExistsError(f"{key} exists already")
            self.content[key] = data

    def upload(
        self, key: str, source: Path, progress: Callable[[int], None] | None = None, *, resume: bool = False
    ) -> Poured:
        parts: list[bytes] = []
        poured = pour(pieces(source), parts.append, progress)
        if not (resume and self.content.get(key) == b"".join(parts)):
            self.create(key, b"".join(parts))
        return poured

    def copier(self, source: Store) -> Copier | None:
        return None

    def matches(self, key: str, file: Poured, source: Path | None) -> bool:
        return key in self.content and pour([self.content[key]]) == file

    def read(self, key: str, limit: int) -> bytes:
        if key not in self.content:
            raise KeyAbsentError(f"{key} does not exist")
        if len(self.content[key]) > limit:
            raise StoreError(f"{key} is larger than {limit} bytes")
        return self.content[key]

    def stream(self, key: str, start: int = 0) -> Iterator[bytes]:
        if key not in self.content:
            raise KeyAbsentError(f"{key} does not exist")
        data = self.content[key]
        yield from (data[start : start + CHUNK] for start in range(start, len(data), CHUNK))

    def fetcher(self) -> Fetcher | None:
        return None

    def entries(self, prefix: str) -> Iterator[Entry]:
        yield from sorted(Entry(key, len(data)) for key, data in list(self.content.items()) if key.startswith(prefix))

    def folders(self, prefix: str) -> list[str]:
        below = (key.removeprefix(prefix) for key in list(self.content) if key.startswith(prefix))
        return sorted({rest.partition("/")[0] for rest in below if "/" in rest})

    def delete(self, key: str) -> None:
        self.content.pop(key, None)

    def sweep(self, before: datetime, *, apply: bool) -> int:
        return 0  # nothing is ever half-written here

    def clock(self) -> datetime:
        return datetime.now(UTC)
