"""A GCS bucket as a store."""

from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelreg.digest import Piece, Poured
from modelreg.errors import KeyAbsentError, ModelregError, StoreError
from modelreg.parallel import ahead
from modelreg.store.arriving import Arrival
from modelreg.store.bucket import PART, PARTS, Address, BucketStore
from modelreg.store.gcs_transfer import STAGING, Upload, matches
from modelreg.store.parts import cut
from modelreg.store.protocol import Copier, Entry, Fetcher, Store
from modelreg.store.settings import GCSSettings

if TYPE_CHECKING:
    from modelreg.store.gcs_client import Bucket


class GCSStore(BucketStore):
    """A bucket of GCS. *Create if absent* is a simple upload with `ifGenerationMatch=0`."""

    extra = "gcs"

    def __init__(self, address: Address, settings: GCSSettings) -> None:
        super().__init__(address)
        self.settings = settings

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
        _ = self._service  # so that a missing SDK is said before it is needed
        upload = Upload(self, key, resume=resume)
        with self._translated("write", key):
            return upload.pour(source, progress)

    def copier(self, source: Store) -> Copier | None:
        """Return what copies from another bucket of the same service."""
        if not isinstance(source, GCSStore) or source.settings.endpoint != self.settings.endpoint:
            return None

        def copy(there: str, here: str, size: int) -> bool:
            from modelreg.store.gcs_copy import rewrite

            with self._translated("write", here):
                return rewrite(source.blob(there), self.blob(here, is_file=True), size, self.retry)

        return copy

    def matches(self, key: str, file: Poured, source: Path | None) -> bool:
        """Tell whether a file lies at `key`, by its size and the CRC-32C that the service keeps."""
        with self._translated("read", key):
            return matches(self, key, file, source)

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
            listed = self._service.list_blobs(
                prefix=self._address.full(prefix),
                fields="items(name,size,generation,crc32c),nextPageToken",
                retry=self.retry,
            )
            found = [
                Entry(self._address.key(blob.name), blob.size, f"{blob.generation} {blob.crc32c}") for blob in listed
            ]
        yield from sorted(entry for entry in found if _is_key(entry.key))

    def folders(self, prefix: str) -> list[str]:
        """Return, sorted, the parts that stand between `prefix` and the next `/` of some key."""
        with self._translated("list", prefix):
            listed = self._service.list_blobs(
                prefix=self._address.full(prefix), delimiter="/", fields="prefixes,nextPageToken", retry=self.retry
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
                for blob in self._service.list_blobs(prefix=self._address.full(STAGING), retry=self.retry)
                if blob.time_created <= before
            ]
        if apply:
            for blob in old:
                self.delete(self._address.key(blob.name))
        return sum(blob.size for blob in old)

    def clock(self) -> datetime:
        """Return the time by the service's clock, to the second."""
        with self._translated("list", ""):
            bucket = self._service
            from modelreg.store.gcs_client import ask_date

            return self._moment(ask_date(bucket, self._address.full("modelreg.json")))

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
        is_file: bool = False,
        if_generation_match: int | None = None,
        content_type: str = "application/octet-stream",
    ) -> None:
        """Write an object in one request. is_file: as in `blob`."""
        self.blob(key, is_file=is_file).upload_from_string(
            data,
            content_type=content_type,
            if_generation_match=if_generation_match,
            checksum="crc32c",
            retry=self.retry,
        )

    def parts(self, key: str) -> dict[str, Any]:
        """Return the objects that a file is to be joined of, by key."""
        found = self._service.list_blobs(prefix=self._address.full(f"{STAGING}{key}/"), retry=self.retry)
        return {self._address.key(blob.name): blob for blob in found}

    def blob(self, key: str, *, is_file: bool = False) -> Any:  # noqa: ANN401  # google-cloud-storage has no types
        """Return a handle of what lies, or is to lie, at `key`. is_file: it is an artifact's, and no record."""
        blob = self._service.blob(self._address.full(key), kms_key_name=self.settings.kms_key)
        if is_file and self.settings.storage_class:
            blob.storage_class = self.settings.storage_class
        return blob

    @cached_property
    def retry(self) -> Any:  # noqa: ANN401
        """How the SDK asks again."""
        from google.cloud.storage.retry import DEFAULT_RETRY

        from modelreg.store.gcs_client import RETRY_FOR

        return DEFAULT_RETRY.with_timeout(RETRY_FOR)

    def _connect(self) -> "Bucket":
        from modelreg.store.gcs_client import connect

        return connect(self._address, self.settings)

    def _translate(self, error: Exception, verb: str, key: str) -> ModelregError | None:
        from modelreg.store.gcs_errors import translate

        return translate(error, self._address, verb, key)


def _is_key(key: str) -> bool:
    """Tell a key from the folder that somebody made in a console, and from the parts of files under way."""
    return bool(key) and not key.endswith("/") and not key.startswith(STAGING)
