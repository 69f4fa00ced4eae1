"""One file on its way to S3: what is sent, and what the service answers."""

from base64 import b64decode, b64encode
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from modelreg.digest import Poured, pour
from modelreg.files import pieces
from modelreg.store.parts import Parts, part_size

if TYPE_CHECKING:
    from modelreg.store.s3_client import S3Client

_MOST_PARTS = 10_000
_ABSENT = {"NoSuchKey", "NotFound", "404"}


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
        """Send the file, and say what was sent."""
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
        checksum = crc(data)
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
        checksum = crc(data)
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
        checksums = b"".join(b64decode(part["ChecksumCRC32"]) for part in sent)
        checksum = f"{crc(checksums)}-{len(sent)}"
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
        try:
            answer = self._client.head_object(**self._where, ChecksumMode="ENABLED", **self._payer)
        except Exception as error:
            if code_of(error) in _ABSENT:
                return None
            raise
        kept: str | None = answer.get("ChecksumCRC32")
        return kept


def crc(data: bytes) -> str:
    """Return the CRC-32 of `data` as S3 writes it."""
    return b64encode(crc32(data).to_bytes(4)).decode()


def code_of(error: Exception) -> str:
    """Return the code of S3's answer, or nothing where there was none."""
    answer: dict[str, Any] = getattr(error, "response", None) or {}
    return str(answer.get("Error", {}).get("Code", ""))
