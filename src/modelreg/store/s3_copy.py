"""Copying inside S3: the service moves the bytes, and this machine only asks for it."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from modelreg.parallel import ahead
from modelreg.store.bucket import LANES

if TYPE_CHECKING:
    from modelreg.store.s3_client import S3Client

LARGEST = 5 * 1024**3
"""Bytes that one request copies at most, by S3's own limit."""

SLICE = 512 * 1024**2
"""Bytes that one request copies of a larger object."""

Place = tuple["S3Client", dict[str, Any], dict[str, Any]]
"""The client to ask, the bucket and the key, and who pays for requests."""


def copy_object(
    source: Place,
    target: Place,
    options: dict[str, Any],
    size: int,
    *,
    largest: int = LARGEST,
    slice_size: int = SLICE,
) -> bool:
    """Copy an object of `size` bytes, to be written with `options`; tell whether the service did it.

    It does not where these credentials may not read there or write here, or where the object is another one by now.
    Then nothing was written, and sending the bytes tells whether that fails, too, and why.
    """
    client, where, target_payer = target
    asked, there, payer = source
    try:
        found = asked.head_object(**there, **payer)
        if found["ContentLength"] != size:
            return False
        origin = {"CopySource": there, "CopySourceIfMatch": found["ETag"]}
        if size <= largest:
            client.copy_object(**where, **origin, **(payer | options))
        else:
            _copy_in_slices(client, where, origin, options, payer | target_payer, range(0, size, slice_size))
    except ClientError:
        return False
    return True


def _copy_in_slices(
    client: "S3Client",
    where: dict[str, Any],
    origin: dict[str, Any],
    options: dict[str, Any],
    payer: dict[str, Any],
    starts: range,
) -> None:
    upload = {"UploadId": client.create_multipart_upload(**where, **options)["UploadId"], **payer}

    def copy(start: int) -> dict[str, Any]:
        number = starts.index(start) + 1
        end = min(start + starts.step, starts.stop) - 1
        answer = client.upload_part_copy(
            **where, **origin, **upload, PartNumber=number, CopySourceRange=f"bytes={start}-{end}"
        )
        return {"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]}

    try:
        parts = list(ahead(copy, starts, LANES))
        client.complete_multipart_upload(**where, **upload, MultipartUpload={"Parts": parts})
    except BaseException:
        with suppress(Exception):
            client.abort_multipart_upload(**where, **upload)
        raise
