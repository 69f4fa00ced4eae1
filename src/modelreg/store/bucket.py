"""What S3 and GCS have in common: where a bucket's registry is, and how its transfers are cut up."""

import os
import re
from typing import NamedTuple

from modelreg.digest import CHUNK
from modelreg.errors import UsageError

LANES = 10
"""How many small files travel at once."""

PARTS = 6
"""How many parts of a large file travel at once."""

ARRIVING = min(PARTS, (os.cpu_count() or 1) + 2)
"""How many parts of a large file are fetched at once: more than the processor keeps up with make it slower."""

PART = 8 * CHUNK
"""How much of a large file one request carries. Memory holds `PARTS` times that, or, as the SDKs copy it, twice."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,220}[A-Za-z0-9]", re.ASCII)


class Address(NamedTuple):
    """A registry's place in a bucket. prefix: empty, or ends in `/`."""

    scheme: str
    bucket: str
    prefix: str

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Parse `s3://bucket/prefix` or `gs://bucket/prefix`.

        Raises:
            UsageError: the bucket has no possible name, or the prefix could be mistaken.
        """
        scheme, _, rest = url.partition("://")
        bucket, _, prefix = rest.partition("/")
        if _NAME.fullmatch(bucket) is None:
            raise UsageError(f"{url!r} names no bucket; write {scheme}://bucket or {scheme}://bucket/folder")
        prefix = prefix.rstrip("/")
        parts = prefix.split("/") if prefix else []
        if any(part in ("", ".", "..") for part in parts) or not prefix.isprintable() or set("?#*") & set(prefix):
            raise UsageError(
                f"{url!r}: the folder in the bucket has no empty part, no . or .., and none of ?, # and *; "
                f"write {scheme}://{bucket}/folder"
            )
        return cls(scheme, bucket, f"{prefix}/" if prefix else "")

    @property
    def url(self) -> str:
        """The address as a person writes it."""
        return f"{self.scheme}://{self.bucket}/{self.prefix}".rstrip("/")

    def key(self, full: str) -> str:
        """Return the registry's key of an object's full name."""
        return full.removeprefix(self.prefix)


def extra_missing(error: ModuleNotFoundError, url: str, extra: str) -> UsageError:
    """Return what to say where a bucket's SDK is not installed."""
    return UsageError(f"{url} needs {error.name}, which is not installed; install modelreg[{extra}], or modelreg[all]")
