"""What S3 and GCS have in common: where a bucket's registry is, how it is reached, and how its transfers are cut up."""

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from threading import Lock
from typing import Any, ClassVar, NamedTuple

from modelreg.digest import CHUNK
from modelreg.errors import ModelregError, StoreError, UsageError

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

    def full(self, key: str) -> str:
        """Return the full name of the object at a key of the registry."""
        return f"{self.prefix}{key}"

    def key(self, full: str) -> str:
        """Return the registry's key of an object's full name."""
        return full.removeprefix(self.prefix)


class BucketStore(ABC):
    """A bucket, or a folder in one, that exists; a subclass for each service.

    Nothing is asked of the service, and its SDK is not imported, before the first key is.
    """

    extra: ClassVar[str]
    """The extra of this package that installs the SDK."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._connecting = Lock()

    @property
    def url(self) -> str:
        """The bucket and the folder in it."""
        return self._address.url

    @property
    def parallel(self) -> int:
        """How many keys are worth reading or writing at once."""
        return LANES

    @abstractmethod
    def _connect(self) -> Any:  # noqa: ANN401  # the SDKs have no types
        """Import the SDK, and return the client, or the bucket, that is asked for everything."""

    @abstractmethod
    def _translate(self, error: Exception, verb: str, key: str) -> ModelregError | None:
        """Return the store's error for one of the SDK's, or None: it is none of them. verb: `read`, `write` …."""

    @property
    def _service(self) -> Any:  # noqa: ANN401
        """What `_connect` returned; one thread makes it, and the others wait."""
        with self._connecting, self._translated("open", ""):
            return self._connected

    @cached_property
    def _connected(self) -> Any:  # noqa: ANN401
        try:
            return self._connect()
        except ModuleNotFoundError as error:
            raise UsageError(
                f"{self.url} needs {error.name}, which is not installed; install modelreg[{self.extra}], or "
                "modelreg[all]"
            ) from None

    @contextmanager
    def _translated(self, verb: str, key: str) -> Iterator[None]:
        """Turn the SDK's errors into the store's."""
        try:
            yield
        except ModelregError:
            raise
        except Exception as error:
            translated = self._translate(error, verb, key)
            if translated is None:
                raise
            raise translated from None

    def _moment(self, date: str | None) -> datetime:
        """Return the time that the header `Date` of an answer tells."""
        from email.utils import parsedate_to_datetime

        if date is None:
            raise StoreError(f"{self.url} does not tell the time, so it cannot hold a registry")
        return parsedate_to_datetime(date)


def flat(error: object) -> str:
    """Return what an SDK says of an error as a part of a sentence: one line, without a full stop."""
    return " ".join(str(error).split()).rstrip(".")
