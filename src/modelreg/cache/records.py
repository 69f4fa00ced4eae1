"""A registry's records and listings, as they were last seen: what is answered from where nothing may be asked."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from modelreg.canonical import encode
from modelreg.digest import Piece, Poured, sha256_of
from modelreg.errors import KeyAbsentError, NotKeptError, StoreError
from modelreg.files import try_to_write
from modelreg.store import Copier, Entry, Fetcher, Store
from modelreg.times import timestamp


class Recalled(NamedTuple):
    """What was seen, and when. data: empty where nothing lay at the key."""

    data: bytes
    seen: str


class Records:
    """What was read of one registry, in a folder: a file for each answer, with its digest; dropped if that is wrong."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder / "records"
        self._url = url

    def remember(self, what: str, key: str, data: bytes) -> None:
        """Keep an answer in place of an earlier one, if it can be kept. what: `read`, `entries` or `folders`."""
        head = f"{sha256_of(data)} {timestamp(datetime.now(UTC))}\n".encode()
        try_to_write(self._place(what, key), head + data)

    def recall(self, what: str, key: str) -> Recalled | None:
        """Return an answer as it was last seen, if it is kept and undamaged."""
        path = self._place(what, key)
        try:
            head, _, data = path.read_bytes().partition(b"\n")
            os.utime(path)  # used now; what was not used for longest goes first
        except OSError:
            return None
        digest, _, seen = head.decode(errors="replace").partition(" ")
        if sha256_of(data) == digest:
            return Recalled(data, seen)
        with suppress(OSError):
            path.unlink()
        return None

    def _place(self, what: str, key: str) -> Path:
        name = sha256_of(encode([self._url, what, key]))
        return self._folder / name[:2] / name


class RememberedStore:
    """Remembers all records and listings that are read of a store; offline, it answers from what it remembers.

    The files of versions are not remembered here: they are in the cache by their digest.

    told: it is MODELREG_OFFLINE that says so.
    """

    def __init__(self, store: Store, records: Records, *, offline: bool = False, told: bool = True) -> None:
        self._store = store
        self._records = records
        self._offline = offline
        self._told = told
        self.seen: str | None = None
        """When the oldest of the listings was made that were used offline."""

    @property
    def url(self) -> str:
        """Where the store is."""
        return self._store.url

    @property
    def parallel(self) -> int:
        """How many keys are worth reading at once."""
        return 1 if self._offline else self._store.parallel

    def create(self, key: str, data: bytes) -> None:
        """Write as the store does."""
        self._online().create(key, data)

    def upload(
        self, key: str, source: Path, progress: Callable[[int], None] | None = None, *, resume: bool = False
    ) -> Poured:
        """Write as the store does."""
        return self._online().upload(key, source, progress, resume=resume)

    def matches(self, key: str, file: Poured, source: Path | None) -> bool:
        """Tell what lies at `key` as the store does."""
        return self._online().matches(key, file, source)

    def read(self, key: str, limit: int) -> bytes:
        """Return all bytes at `key`, or those that were last seen there."""
        if self._offline:
            data = self._recalled("read", key).data
            if not data:
                raise KeyAbsentError(f"{self.url}/{key} does not exist")
            return data
        try:
            data = self._store.read(key, limit)
        except KeyAbsentError:
            self._records.remember("read", key, b"")
            raise
        self._records.remember("read", key, data)
        return data

    def stream(self, key: str, start: int = 0) -> Iterator[Piece]:
        """Yield the bytes of a file as the store does."""
        if self._offline:
            raise self._not_kept(key)
        return self._store.stream(key, start)

    def fetcher(self) -> Fetcher | None:
        """Return what fetches a file as the store does."""
        return None if self._offline else self._store.fetcher()

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Yield the keys that begin with `prefix`, or those that were last seen."""
        if self._offline:
            listed: list[Entry] = [Entry(*pair) for pair in json.loads(self._listed("entries", prefix))]
        else:
            listed = list(self._store.entries(prefix))
            self._records.remember("entries", prefix, encode(listed))
        yield from listed

    def folders(self, prefix: str) -> list[str]:
        """Return the folders in `prefix`, or those that were last seen."""
        if self._offline:
            listed: list[str] = json.loads(self._listed("folders", prefix))
        else:
            listed = self._store.folders(prefix)
            self._records.remember("folders", prefix, encode(listed))
        return listed

    def delete(self, key: str) -> None:
        """Remove as the store does."""
        self._online().delete(key)

    def copier(self, source: Store) -> Copier | None:
        """Return what copies from another store as the store does."""
        return self._online().copier(source)

    def sweep(self, before: datetime, *, apply: bool) -> int:
        """Sweep as the store does."""
        return self._online().sweep(before, apply=apply)

    def clock(self) -> datetime:
        """Return the store's time."""
        return self._online().clock()

    def _online(self) -> Store:
        if self._offline:
            why = "MODELREG_OFFLINE is set, so" if self._told else "opened offline,"
            remedy = "; unset it" if self._told else ""
            raise StoreError(f"{why} {self.url} cannot be written to{remedy}")
        return self._store

    def _listed(self, what: str, prefix: str) -> bytes:
        listing = self._recalled(what, prefix)
        self.seen = min(self.seen or listing.seen, listing.seen)
        return listing.data

    def _recalled(self, what: str, key: str) -> Recalled:
        recalled = self._records.recall(what, key)
        if recalled is None:
            raise self._not_kept(key)
        return recalled

    def _not_kept(self, key: str) -> NotKeptError:
        why = "MODELREG_OFFLINE is set" if self._told else "nothing can be asked"
        remedy = "unset it, or ask" if self._told else "ask"
        return NotKeptError(
            f"{why}, and the cache does not hold {key} of {self.url}; {remedy} for a version that was pulled, by show, "
            "pull or verify-env"
        )
