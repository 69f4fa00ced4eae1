"""What a store can do. It knows keys and bytes, and nothing of models."""

from collections.abc import Callable, Generator, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from modelreg.digest import Piece, Poured


class Entry(NamedTuple):
    """A key and how many bytes lie there.

    tag: stands for these very bytes: what is written there later has another. None where the store has no such thing.
    """

    key: str
    size: int
    tag: str | None = None


Copier = Callable[[str, str, int], bool]
"""Copies what lies at a key of another store, with its size in bytes, to a key here; see `Store.copier`."""

Fetcher = Callable[[str, int, int, int, Callable[[int], None]], Generator[int, None, None]]
"""Writes what lies at a key into an open file; see `Store.fetcher`."""


class Store(Protocol):
    """Keys and bytes: a folder, a bucket, or a dictionary in a test.

    Keys are relative, with `/` between their parts, and come from `modelreg.layout`. Every method raises
    AccessDeniedError or StoreError, never an error of the system or of an SDK. All of them are safe in threads.
    """

    @property
    def url(self) -> str:
        """Where the store is, as a person would write it."""
        ...

    @property
    def parallel(self) -> int:
        """How many keys are worth reading or writing at once: 1 where a disk does the work, not a network."""
        ...

    def create(self, key: str, data: bytes) -> None:
        """Write `data` at `key`, whole and durable, only if nothing lies there.

        Of several writers at one key exactly one succeeds.

        Raises:
            KeyExistsError: something lies there. Where the answer to an earlier attempt was lost, it may be one's own.
        """
        ...

    def upload(
        self, key: str, source: Path, progress: Callable[[int], None] | None = None, *, resume: bool = False
    ) -> Poured:
        """Write a file's bytes at `key`, durable, and say what was written; `progress` is told of each piece's length.

        A key that is being written is not read by anybody else.

        resume: go on where an earlier upload to this key broke off, or see that it is done, checking what is there;
        and if this one breaks off, keep what it has sent.

        Raises:
            NotFoundError, AccessDeniedError: `source` cannot be read.
        """
        ...

    def copier(self, source: "Store") -> Copier | None:
        """Return what copies from another store of the same provider, so that no bytes pass through this machine.

        It takes the key there, the key here, and the size in bytes; it returns False, and has written nothing, where
        the provider does not do it: who may read there may not write here, or another size lies there.

        Returns None where the two have no provider in common.
        """
        ...

    def matches(self, key: str, file: Poured, source: Path | None) -> bool:
        """Tell whether a file lies at `key`, as far as that can be told without fetching it over a network.

        A folder reads and hashes what lies there. A bucket compares its size, and the checksum that the service keeps
        with that of `source`; where there is no source, or the service keeps none, the size alone.
        """
        ...

    def read(self, key: str, limit: int) -> bytes:
        """Return all bytes at `key`.

        Raises:
            KeyAbsentError: nothing lies there.
            StoreError: more than `limit` bytes lie there.
        """
        ...

    def stream(self, key: str, start: int = 0) -> Iterator[Piece]:
        """Yield the bytes at `key`, from the one at `start` on, in pieces of about a MiB.

        Raises:
            KeyAbsentError: nothing lies there; raised when the first piece is asked for.
        """
        ...

    def fetcher(self) -> Fetcher | None:
        """Return what writes the bytes at a key into a file, each at its own place, several parts at once.

        It takes the key, the file's descriptor, the byte to begin with, the byte to stop before, and a callback that
        is told the length of each piece, from any thread. It yields rising offsets: up to each, the file is complete.
        Beyond the last one there may be gaps, until it has ended or when it failed. It ends early where the object
        does. The file is written to until the generator is closed. It raises what `stream` does, and OSError where
        the file cannot be written to.

        Returns None where a stream is as quick.
        """
        ...

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Yield every key that begins with `prefix`, sorted, with its size; all that was written before is seen."""
        ...

    def folders(self, prefix: str) -> list[str]:
        """Return, sorted, the parts that stand between `prefix`, which ends in `/`, and the next `/` of some key."""
        ...

    def delete(self, key: str) -> None:
        """Remove what lies at `key`; nothing lying there is no error."""
        ...

    def sweep(self, before: datetime, *, apply: bool) -> int:
        """Remove what writers that were killed before a time left half-written; return how many bytes that is.

        apply: without it, nothing is removed.
        """
        ...

    def clock(self) -> datetime:
        """Return the time (UTC) by the store's own clock."""
        ...
