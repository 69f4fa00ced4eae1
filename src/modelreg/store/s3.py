"""An S3 bucket as a store."""

import random
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelreg.digest import Piece, Poured
from modelreg.errors import ModelregError, StoreError
from modelreg.parallel import ahead
from modelreg.store.arriving import PIECE, Arrival, ranges
from modelreg.store.bucket import PART, PARTS, Address, BucketStore
from modelreg.store.protocol import Copier, Entry, Fetcher, Store
from modelreg.store.s3_transfer import ATTEMPTS, Range, Upload, code_of, crc32_of, is_transient, matches
from modelreg.store.settings import S3Settings

if TYPE_CHECKING:
    from modelreg.store.s3_client import S3Client
    from modelreg.store.s3_copy import Place

_CONFLICTS = {"ConditionalRequestConflict", "OperationAborted"}


class S3Store(BucketStore):
    """A bucket of S3. *Create if absent* is `PutObject` with `If-None-Match: *`."""

    extra = "s3"

    def __init__(self, address: Address, settings: S3Settings) -> None:
        super().__init__(address)
        self._settings = settings
        self._payer: dict[str, Any] = {"RequestPayer": "requester"} if self._settings.requester_pays else {}
        self._kept: dict[str, Any] = dict(self._payer)
        """What every object is written with."""
        if self._settings.kms_key:
            self._kept |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self._settings.kms_key}

        self._artifacts: dict[str, Any] = self._kept | (
            {"StorageClass": self._settings.storage_class} if self._settings.storage_class else {}
        )
        """What files are written with."""

    def create(self, key: str, data: bytes) -> None:
        """Write `data` at `key`, only if nothing lies there."""
        with self._translated("write", key):
            for attempt in range(ATTEMPTS):
                try:
                    self._put(key, data, self._kept | {"IfNoneMatch": "*", "ContentType": "application/json"})
                except Exception as error:
                    if code_of(error) not in _CONFLICTS:
                        raise
                    # Another request for this key was in flight: who has won is not decided yet.
                    time.sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311  # not a secret
                else:
                    return
        raise StoreError(f"{self.url}/{key} is being written by others again and again; try again")

    def upload(
        self, key: str, source: Path, progress: Callable[[int], None] | None = None, *, resume: bool = False
    ) -> Poured:
        """Write a file's bytes at `key`, hashing them in the same pass; a large file in parts, several at once.

        What the service receives it checks against a CRC-32.
        """
        upload = Upload(self._service, self._at(key), self._artifacts, self._payer)
        with self._translated("write", key):
            return upload.pour(source, progress, resume=resume)

    def copier(self, source: Store) -> Copier | None:
        """Return what copies from another bucket of the same service."""
        if not isinstance(source, S3Store) or source.endpoint != self.endpoint:
            return None
        from modelreg.store.s3_copy import copy_object

        def copy(there: str, here: str, size: int) -> bool:
            with self._translated("write", here):
                return copy_object(source.place(there), self.place(here), self._artifacts, size)

        return copy

    def matches(self, key: str, file: Poured, source: Path | None) -> bool:
        """Tell whether a file lies at `key`, by its size and the CRC-32 that the service keeps."""
        with self._translated("read", key):
            return matches(self._service, self._at(key), self._payer, file, source)

    def read(self, key: str, limit: int) -> bytes:
        """Return all bytes at `key`."""
        with self._translated("read", key):
            for attempt in range(ATTEMPTS):
                answer = self._service.get_object(**self._at(key), **self._payer)
                try:
                    with closing(answer["Body"]) as body:
                        if answer["ContentLength"] <= limit:
                            return bytes(body.read())
                    break
                except Exception as error:
                    if attempt == ATTEMPTS - 1 or not is_transient(error):
                        raise
        raise StoreError(f"{self.url}/{key} is larger than {limit:,} bytes")

    def stream(self, key: str, start: int = 0) -> Iterator[Piece]:
        """Yield the bytes at `key` from `start` on; those of a large object are asked for in parts, several at once."""
        with self._translated("read", key):
            first = Range(self._service, self._at(key) | self._payer, start, start + PART)
            yield from first
            rest = (
                Range(self._service, first.wanted, offset, min(offset + PART, first.total))
                for offset in range(start + PART, first.total, PART)
            )
            for chunks in ahead(list[Piece], rest, PARTS):
                yield from chunks

    def fetcher(self) -> Fetcher:
        """Return what fetches a large object in ranges, several at once."""
        return self._fetch

    def _fetch(
        self, key: str, target: int, start: int, end: int, progress: Callable[[int], None]
    ) -> Generator[int, None, None]:
        arrival = Arrival(target, progress)
        with self._translated("read", key):
            first = Range(self._service, self._at(key) | self._payer, start, min(start + PART, end), PIECE)
            begin = arrival.write((start, first.__iter__))
            yield begin
            yield from arrival.write_all(
                (offset, Range(self._service, first.wanted, offset, stop, PIECE).__iter__)
                for offset, stop in ranges(begin, min(end, first.total))
            )

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Yield every key that begins with `prefix`, sorted, with its size."""
        found = []
        with self._translated("list", prefix):
            for page in self._pages(prefix):
                for item in page.get("Contents", ()):
                    key = self._address.key(item["Key"])
                    if key and not key.endswith("/"):  # a "folder" that somebody made in a console
                        found.append(Entry(key, item["Size"], item.get("ETag")))
        yield from sorted(found)  # directory buckets, and some other servers, list in another order

    def folders(self, prefix: str) -> list[str]:
        """Return, sorted, the parts that stand between `prefix` and the next `/` of some key."""
        with self._translated("list", prefix):
            full = [item["Prefix"] for page in self._pages(prefix, "/") for item in page.get("CommonPrefixes", ())]
        return sorted(self._address.key(name).removeprefix(prefix).rstrip("/") for name in full)

    def delete(self, key: str) -> None:
        """Remove what lies at `key`."""
        with self._translated("delete", key):
            self._service.delete_object(**self._at(key), **self._payer)

    def sweep(self, before: datetime, *, apply: bool) -> int:
        """Abort the multipart uploads that began before a time; return how many bytes of them have been sent."""
        size = 0
        with self._translated("list the unfinished uploads of", ""):
            pages = self._service.get_paginator("list_multipart_uploads").paginate(
                Bucket=self._address.bucket, Prefix=self._address.prefix, **self._payer
            )
            old = [item for page in pages for item in page.get("Uploads", ()) if item["Initiated"] <= before]
        for item in old:
            where = {"Bucket": self._address.bucket, "Key": item["Key"], "UploadId": item["UploadId"]}
            with self._translated("abort the upload of", self._address.key(item["Key"])), _passing_over_completed():
                parts = self._service.get_paginator("list_parts").paginate(**where, **self._payer)
                size += sum(part["Size"] for page in parts for part in page.get("Parts", ()))
                if apply:
                    self._service.abort_multipart_upload(**where, **self._payer)
        return size

    def clock(self) -> datetime:
        """Return the time by the service's clock, to the second."""
        with self._translated("list", ""):
            answer = self._service.list_objects_v2(
                Bucket=self._address.bucket, Prefix=self._address.full("modelreg.json"), MaxKeys=1, **self._payer
            )
        return self._moment(answer["ResponseMetadata"]["HTTPHeaders"].get("date"))

    @property
    def endpoint(self) -> str | None:
        """Where the service is, if the settings say so."""
        return self._settings.endpoint

    def place(self, key: str) -> "Place":
        """Return what names an object to the SDK."""
        return self._service, self._at(key), self._payer

    def _at(self, key: str) -> dict[str, Any]:
        return {"Bucket": self._address.bucket, "Key": self._address.full(key)}

    def _put(self, key: str, data: bytes, options: dict[str, Any]) -> None:
        self._service.put_object(**self._at(key), Body=data, ChecksumCRC32=crc32_of(data), **options)

    def _pages(self, prefix: str, delimiter: str = "") -> Iterator[dict[str, Any]]:
        yield from self._service.get_paginator("list_objects_v2").paginate(
            Bucket=self._address.bucket,
            Prefix=self._address.full(prefix),
            **({"Delimiter": delimiter} if delimiter else {}),
            **self._payer,
        )

    def _connect(self) -> "S3Client":
        from modelreg.store.s3_client import connect

        return connect(self._settings)

    def _translate(self, error: Exception, verb: str, key: str) -> ModelregError | None:
        from modelreg.store.s3_errors import translate

        return translate(error, self._address, verb, key)


@contextmanager
def _passing_over_completed() -> Iterator[None]:
    """Pass over an upload that its writer has just completed."""
    try:
        yield
    except Exception as error:
        if code_of(error) != "NoSuchUpload":
            raise
