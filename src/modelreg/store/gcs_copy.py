"""Copying inside GCS: the service moves the bytes, and this machine only asks for it."""

from typing import Any

from google.api_core.exceptions import ClientError

from modelreg.errors import StoreError


def rewrite(source: Any, target: Any, size: int, retry: Any) -> bool:  # noqa: ANN401  # google-cloud-storage has no types
    """Copy a blob of `size` bytes to another; tell whether the service did it.

    It does not where these credentials may not read there or write here, or where the blob is another one by now. Then
    nothing was written, and sending the bytes tells whether that fails, too, and why.

    Raises:
        StoreError: the copy is another one than its original.
    """
    try:
        source.reload(retry=retry)
        if source.size != size:
            return False
        token = None
        while True:  # a large one, or one that goes to another place, takes several calls
            token, _, _ = target.rewrite(source, token=token, if_source_generation_match=source.generation, retry=retry)
            if token is None:
                break
    except ClientError:
        return False
    if None not in (source.crc32c, target.crc32c) and source.crc32c != target.crc32c:
        target.delete(retry=retry)
        raise StoreError(f"{target.name} was damaged when it was copied; try again")
    return True
