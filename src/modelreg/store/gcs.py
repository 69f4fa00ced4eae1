"""A GCS bucket as a store."""

from base64 import b64encode
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from modelreg.digest import Piece, Poured, pour
from modelreg.errors import KeyAbsentError, ModelregError, StoreError
from modelreg.files import pieces
from modelreg.parallel import ahead
from modelreg.store.arriving import Arrival
from modelreg.store.bucket import LANES, PART, PARTS, Address, extra_missing
from modelreg.store.parts import Parts, cut, part_size
from modelreg.store.protocol import Copier, Entry, Fetcher, Store
from modelreg.store.settings import GCSSettings

if TYPE_CHECKING:
    from modelreg.store.gcs_client import Bucket

STAGING = ".tmp/"
"""Where the parts of a large file lie until they are joined. No key begins with it."""

_MOST_PARTS = 10_000
_SENT = 3
"""How many parts go up at once: the SDK copies each of them several times."""

_JOINED = 32
"""How many objects GCS joins in one request."""


class GCSStore:
    """A bucket, or a folder in one, that exists. *Create if absent* is a simple upload with `ifGenerationMatch=0`.

    Nothing is asked of GCS, and the SDK is not imported, before the first key is.
    """

    def __init__(self, address: Address, settings: GCSSettings | None = None) -> None:
        self._address = address
        self.settings = settings or GCSSettings()
        self._making = Lock()

    @property
    def url(self) -> str:
        """The bucket and the folder in it."""
        return self._address.url

    @property
    def parallel(self) -> int:
        """How many keys are worth reading or writing at once."""
        return LANES

    def create(self, key: str, data: bytes) -> None:
        """Write `data` at `key`, only if nothing lies there."""
        with self._translated("write", key):
            self.put(key, data, if_generation_match=0, content_type="application/json")

    def upload(
        self, key: str, source: Path, progress: Callable[[int], None] | None = None, *, resume: bool = False
    ) -> Poured:
        """Write a file's bytes at `key`, hashing them in the same pass; a large file in parts, joined in the end.

        What the service receives it checks against a CRC-32C; so is what it has joined.
        """
        bucket = self._bucket  # so that a missing SDK is said before it is needed
        upload = _Upload(self, bucket, key, resume=resume)
        with self._translated("write", key):
            return upload.pour(source, progress)

    def copier(self, source: Store) -> Copier | None:
        """Return what copies from another bucket of the same service."""
        if not isinstance(source, GCSStore) or source.settings.endpoint != self.settings.endpoint:
            return None

        def copy(there: str, here: str, size: int) -> bool:
            from modelreg.store.gcs_copy import rewrite

            with self._translated("write", here):
                target = self.blob(here)
                if self.settings.storage_class:
                    target.storage_class = self.settings.storage_class
                return rewrite(source.blob(there), target, size, self.retry)

        return copy

    def read(self, key: str, limit: int) -> bytes:
        """Return all bytes at `key`."""
        data = b"".join(self._range(key, 0, limit + 1))
        if len(data) > limit:
            raise StoreError(f"{self.url}/{key} is larger than {limit:,} bytes")
        return data

    def stream(self, key: str, start: int = 0) -> Iterator[Piece]:
        """Yield the bytes at `key` from `start` on; those of a large object are asked for in parts, several at once."""
        first = self._range(key, start, start + PART)
        yield from first
        if sum(map(len, first)) < PART:
            return
        offsets = range(start + PART, self._size(key), PART)
        for chunks in ahead(lambda offset: self._range(key, offset, offset + PART), offsets, PARTS):
            yield from chunks

    def fetcher(self) -> Fetcher:
        """Return what fetches a large object in parts, several at once."""
        return self._fetch

    def _fetch(
        self, key: str, target: int, start: int, end: int, progress: Callable[[int], None]
    ) -> Generator[int, None, None]:
        arrival = Arrival(target, progress)
        begin = min(start + PART, end)
        reached = arrival.write((start, partial(self._pieces, key, start, begin)))
        yield reached
        if reached == begin < end:
            end = min(end, self._size(key))
            yield from arrival.write_all(
                (offset, partial(self._pieces, key, offset, min(offset + PART, end)))
                for offset in range(begin, end, PART)
            )

    def _size(self, key: str) -> int:
        with self._translated("read", key):
            blob = self.blob(key)
            blob.reload(retry=self.retry)
        size: int = blob.size
        return size

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Yield every key that begins with `prefix`, sorted, with its size."""
        with self._translated("list", prefix):
            listed = self._bucket.list_blobs(
                prefix=self._full(prefix), fields="items(name,size,generation,crc32c),nextPageToken", retry=self.retry
            )
            found = [
                Entry(self._address.key(blob.name), blob.size, f"{blob.generation} {blob.crc32c}") for blob in listed
            ]
        yield from sorted(entry for entry in found if _is_key(entry.key))

    def folders(self, prefix: str) -> list[str]:
        """Return, sorted, the parts that stand between `prefix` and the next `/` of some key."""
        with self._translated("list", prefix):
            listed = self._bucket.list_blobs(
                prefix=self._full(prefix), delimiter="/", fields="prefixes,nextPageToken", retry=self.retry
            )
            for _ in listed:
                """The folders are gathered page by page."""
            return sorted(self._address.key(name).removeprefix(prefix).rstrip("/") for name in listed.prefixes)

    def delete(self, key: str) -> None:
        """Remove what lies at `key`."""
        with suppress(KeyAbsentError), self._translated("delete", key):
            self.blob(key).delete(retry=self.retry)

    def sweep(self, before: datetime, *, apply: bool) -> int:
        """Remove the parts, of files that were never joined, that are older than a time; return their size."""
        with self._translated("list", STAGING):
            old = [
                blob
                for blob in self._bucket.list_blobs(prefix=self._full(STAGING), retry=self.retry)
                if blob.time_created <= before
            ]
        if apply:
            for blob in old:
                self.delete(self._address.key(blob.name))
        return sum(blob.size for blob in old)

    def clock(self) -> datetime:
        """Return the time by the service's clock, to the second."""
        from email.utils import parsedate_to_datetime

        with self._translated("list", ""):
            bucket = self._bucket
            from modelreg.store.gcs_client import ask_date

            date = ask_date(bucket, self._full("modelreg.json"))
        if date is None:
            raise StoreError(f"{self.url} does not tell the time, so it cannot hold a registry")
        return parsedate_to_datetime(date)

    def _pieces(self, key: str, start: int, end: int) -> Generator[Piece, None, None]:
        yield from self._range(key, start, end)

    def _range(self, key: str, start: int, end: int) -> list[Piece]:
        """Return the bytes from `start` to `end`, or to where the object ends, in pieces."""
        blob = self.blob(key)
        from google.api_core.exceptions import RequestRangeNotSatisfiable

        with self._translated("read", key):
            try:
                data: bytes = blob.download_as_bytes(
                    start=start,
                    end=end - 1,
                    raw_download=True,
                    checksum=None,
                    retry=self.retry,
                    single_shot_download=True,  # else it comes in pieces of 8 KiB
                )
            except RequestRangeNotSatisfiable:  # empty, or no longer than `start`
                return []
        return list(cut(data)) if data else []

    def put(
        self,
        key: str,
        data: bytes,
        *,
        if_generation_match: int | None = None,
        content_type: str = "application/octet-stream",
        storage_class: str | None = None,
    ) -> None:
        """Write an object in one request."""
        blob = self.blob(key)
        if storage_class:
            blob.storage_class = storage_class
        blob.upload_from_string(
            data,
            content_type=content_type,
            if_generation_match=if_generation_match,
            checksum="crc32c",
            retry=self.retry,
        )

    def parts(self, key: str) -> dict[str, Any]:
        """Return the objects that a file is to be joined of, by key."""
        found = self._bucket.list_blobs(prefix=self._full(f"{STAGING}{key}/"), retry=self.retry)
        return {self._address.key(blob.name): blob for blob in found}

    def blob(self, key: str) -> Any:  # noqa: ANN401  # google-cloud-storage has no types
        """Return a handle of what lies, or is to lie, at `key`."""
        return self._bucket.blob(self._full(key), kms_key_name=self.settings.kms_key)

    def _full(self, key: str) -> str:
        return f"{self._address.prefix}{key}"

    @cached_property
    def retry(self) -> Any:  # noqa: ANN401
        """How the SDK asks again."""
        from google.cloud.storage.retry import DEFAULT_RETRY

        from modelreg.store.gcs_client import RETRY_FOR

        return DEFAULT_RETRY.with_timeout(RETRY_FOR)

    @property
    def _bucket(self) -> "Bucket":
        with self._making, self._translated("open", ""):
            return self._made

    @cached_property
    def _made(self) -> "Bucket":
        try:
            from modelreg.store.gcs_client import connect
        except ModuleNotFoundError as error:
            raise extra_missing(error, self.url, "gcs") from None
        return connect(self._address, self.settings)

    @contextmanager
    def _translated(self, verb: str, key: str) -> Iterator[None]:
        """Turn the SDK's errors into the store's."""
        try:
            yield
        except ModelregError:
            raise
        except Exception as error:
            from modelreg.store.gcs_errors import translate

            translated = translate(error, self._address, verb, key)
            if translated is None:
                raise
            raise translated from None


class _Upload:
    """One file on its way. A resumed one finds what an earlier attempt has sent, and checks it."""

    def __init__(self, store: GCSStore, bucket: "Bucket", key: str, *, resume: bool) -> None:
        import google_crc32c

        self._store = store
        self._bucket = bucket
        self._key = key
        self._resume = resume
        self._sum = google_crc32c.Checksum()
        self._present: dict[str, Any] = {}
        self._whole: str | None = None
        """The checksum of an object that lies at the key already; nothing is sent then."""

    def pour(self, source: Path, progress: Callable[[int], None] | None) -> Poured:
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
                return _Upload(self._store, self._bucket, self._key, resume=self._resume).pour(source, None)
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
            self._store.put(self._key, data, storage_class=self._store.settings.storage_class)

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
                joined = self._store.blob(target)
                if target == self._key and self._store.settings.storage_class:
                    joined.storage_class = self._store.settings.storage_class
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
        blob = self._store.blob(self._key)
        if not blob.exists(retry=self._store.retry):
            return None
        blob.reload(retry=self._store.retry)
        checksum: str | None = blob.crc32c
        return checksum


def _is_key(key: str) -> bool:
    """Tell a key from the folder that somebody made in a console, and from the parts of files under way."""
    return bool(key) and not key.endswith("/") and not key.startswith(STAGING)


def _crc32c(data: bytes) -> str:
    import google_crc32c

    return b64encode(google_crc32c.value(data).to_bytes(4)).decode()
