"""Bytes on their way from and to S3: ranges of an object, and the parts of a file."""

import random
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from modelreg.digest import CHUNK, Piece, Poured, pour
from modelreg.errors import StoreError
from modelreg.files import pieces
from modelreg.store.bucket import PART
from modelreg.store.parts import Parts, cut, part_size

if TYPE_CHECKING:
    from modelreg.store.s3_client import S3Client

ATTEMPTS = 5
"""How often something is asked for that breaks off, beyond what the SDK does by itself."""

_MOST_PARTS = 10_000
_BEYOND = {"InvalidRange", "416"}
_ABSENT = {"NoSuchKey", "NotFound", "404"}


class Range:
    """The bytes of an object from `start` to `end`, or to its end; asked for again where an answer breaks off.

    piece: read so many bytes at a time; else a whole part is read at once, and cut up.
    total: the object's size, known once the first piece has come. wanted: how to ask for more of the same object.
    """

    def __init__(self, client: "S3Client", wanted: dict[str, Any], start: int, end: int, piece: int = 0) -> None:
        self.total = 0
        self.wanted = wanted
        self._client = client
        self._start = start
        self._end = end
        self._piece = piece

    def __iter__(self) -> Generator[Piece, None, None]:
        """Yield the bytes in pieces of at most a MiB."""
        attempt, reached = 0, self._start
        while True:
            try:
                yield from self._ask()
            except Exception as error:
                if self._start - reached >= (self._piece or PART):  # slowly, but it comes
                    attempt, reached = 0, self._start
                attempt += 1
                if attempt == ATTEMPTS or not is_transient(error):
                    raise
                time.sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311  # not a secret
            else:
                return

    def _ask(self) -> Iterator[Piece]:
        if self._start >= self._end:
            return
        try:
            answer = self._client.get_object(**self.wanted, Range=f"bytes={self._start}-{self._end - 1}")
        except Exception as error:
            if code_of(error) in _BEYOND:  # empty, or no longer than where we are
                return
            raise
        with closing(answer["Body"]) as body:
            whole = "ContentRange" not in answer
            if whole and self._start and answer["ContentLength"]:
                raise StoreError("the store sends whole files where a part was asked for; it cannot hold a registry")
            self.total = answer["ContentLength"] if whole else int(answer["ContentRange"].rpartition("/")[2])
            self.wanted = self.wanted | {"IfMatch": answer["ETag"]}
            # A part is read at once: in small pieces, the system would set memory aside for each of them anew.
            most = self._piece or (CHUNK if whole else PART)
            while self._start < self._end and (data := body.read(min(most, self._end - self._start))):
                self._start += len(data)
                yield from cut(data)


class Upload:
    """One file on its way. A resumed one finds what an earlier attempt has sent, and checks it."""

    def __init__(
        self, client: "S3Client", where: dict[str, Any], options: dict[str, Any], payer: dict[str, Any]
    ) -> None:
        self._client = client
        self._where = where
        self._options = options
        self._payer = payer
        self._id = ""
        self._present: dict[int, Any] = {}
        self._whole: str | None = None
        """The checksum of an object that lies at the key already; nothing is sent then."""

    def pour(self, source: Path, progress: Callable[[int], None] | None, *, resume: bool) -> Poured:
        """Send the file, hashing it in the same pass; with `resume`, only what does not lie there already."""
        parts = Parts(part_size(source, _MOST_PARTS), lambda: self._begin(resume=resume), self._send)
        try:
            poured = pour(pieces(source), parts.write, progress)
            if parts.begun:
                if not self._complete(parts.finish()):
                    self._client.delete_object(**self._where, **self._payer)
                    return self.pour(source, None, resume=resume)
            else:
                self._put(parts.whole(), resume=resume)
        except BaseException:
            parts.abandon()
            if self._id and not resume:
                with suppress(Exception):
                    self._client.abort_multipart_upload(**self._where, UploadId=self._id, **self._payer)
            raise
        return poured

    def _put(self, data: bytes, *, resume: bool) -> None:
        checksum = crc32_of(data)
        if not (resume and self._checksum() == checksum):
            self._client.put_object(**self._where, Body=data, ChecksumCRC32=checksum, **self._options)

    def _begin(self, *, resume: bool) -> None:
        """Begin, or go on with the newest unfinished upload of this key."""
        found = []
        self._whole = self._checksum() if resume else None
        if self._whole:
            return
        if resume:
            pages = self._client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self._where["Bucket"], Prefix=self._where["Key"], **self._payer
            )
            found = [item for page in pages for item in page.get("Uploads", ()) if item["Key"] == self._where["Key"]]
        if found:
            self._id = max(found, key=lambda item: item["Initiated"])["UploadId"]
            pages = self._client.get_paginator("list_parts").paginate(**self._where, UploadId=self._id, **self._payer)
            self._present = {part["PartNumber"]: part for page in pages for part in page.get("Parts", ())}
        else:
            made = self._client.create_multipart_upload(**self._where, ChecksumAlgorithm="CRC32", **self._options)
            self._id = made["UploadId"]

    def _send(self, number: int, data: bytes) -> dict[str, Any]:
        checksum = crc32_of(data)
        if self._whole:
            return {"ChecksumCRC32": checksum}
        part = self._present.get(number)
        if part is None or part["Size"] != len(data) or part.get("ChecksumCRC32") != checksum:
            part = self._client.upload_part(
                **self._where,
                UploadId=self._id,
                PartNumber=number,
                Body=data,
                ChecksumCRC32=checksum,
                **self._payer,
            )
        return {"PartNumber": number, "ETag": part["ETag"], "ChecksumCRC32": checksum}

    def _complete(self, sent: list[dict[str, Any]]) -> bool:
        """Make the object of its parts; return False where another lies there."""
        checksum = _joined([part["ChecksumCRC32"] for part in sent])
        if self._whole:
            return self._whole == checksum
        try:
            self._client.complete_multipart_upload(
                **self._where, UploadId=self._id, MultipartUpload={"Parts": sent}, **self._payer
            )
        except Exception as error:
            # Gone: it was completed, and the answer was lost on the way.
            if code_of(error) != "NoSuchUpload" or self._checksum() != checksum:
                raise
        return True

    def _checksum(self) -> str | None:
        """Return the checksum that the service keeps of what lies there, if anything does."""
        kept: str | None = _told_of(self._client, self._where, self._payer).get("ChecksumCRC32")
        return kept


def matches(
    client: "S3Client", where: dict[str, Any], payer: dict[str, Any], file: Poured, source: Path | None
) -> bool:
    """Tell whether a file lies there, by its size and the checksum that the service keeps; see `Store.matches`."""
    told = _told_of(client, where, payer)
    if told.get("ContentLength") != file.size:
        return False
    checksum = told.get("ChecksumCRC32")
    if checksum is None or source is None:
        return True
    size = part_size(source, _MOST_PARTS)
    if "-" not in checksum:
        return bool(checksum == _checksums(source, None)[0])
    if not checksum.endswith(f"-{-(-file.size // size)}"):
        return True  # somebody cut it into other parts, so that its checksum cannot be compared
    return bool(checksum == _joined(_checksums(source, size)))


def _told_of(client: "S3Client", where: dict[str, Any], payer: dict[str, Any]) -> dict[str, Any]:
    """Return what the service tells of what lies there; nothing where nothing does."""
    try:
        told: dict[str, Any] = client.head_object(**where, ChecksumMode="ENABLED", **payer)
    except Exception as error:
        if code_of(error) in _ABSENT:
            return {}
        raise
    return told


def _checksums(source: Path, size: int | None) -> list[str]:
    """Return the checksums of a file's parts of `size` bytes; without it, of the file as one part."""
    sums, held = [0], 0
    for piece in pieces(source):
        if held == size:
            sums.append(0)
            held = 0
        sums[-1] = crc32(piece, sums[-1])
        held += len(piece)
    return [_written(one) for one in sums]


def _joined(checksums: list[str]) -> str:
    """Return the checksum of an object that was made of parts, as S3 writes it."""
    return f"{crc32_of(b''.join(map(b64decode, checksums)))}-{len(checksums)}"


def crc32_of(data: bytes) -> str:
    """Return a CRC-32 as S3 writes it."""
    return _written(crc32(data))


def _written(checksum: int) -> str:
    return b64encode(checksum.to_bytes(4)).decode()


def code_of(error: Exception) -> str:
    """Return the code of S3's answer, or nothing where there was none."""
    answer: dict[str, Any] = getattr(error, "response", None) or {}
    return str(answer.get("Error", {}).get("Code", ""))


def is_transient(error: Exception) -> bool:
    """Tell whether an answer broke off on its way."""
    from botocore.exceptions import HTTPClientError, IncompleteReadError

    return isinstance(error, HTTPClientError | IncompleteReadError)
