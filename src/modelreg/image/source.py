"""Where an image's documents and layers come from, and reading them so that every digest is verified."""

import hashlib
from collections.abc import Iterator
from typing import Protocol

from modelreg.digest import digest_of
from modelreg.errors import IntegrityError
from modelreg.image.document import Descriptor

MAX_DOCUMENT = 16 * 1024 * 1024
"""The largest index, manifest or configuration that is read, in bytes; image registries take 4 MiB."""


class ImageSource(Protocol):
    """An image registry's repository, an OCI layout, or the archive that an engine saved.

    What it returns may be anything: `document` and `verified` check it.
    """

    @property
    def name(self) -> str:
        """The image as a person would name it."""
        ...

    @property
    def digest(self) -> str | None:
        """The digest that its name has; None where it has none."""
        ...

    def manifest(self, digest: str | None = None) -> bytes:
        """Return the index or manifest with this digest; without one, what the image's own name stands for.

        Raises:
            NotFoundError: there is no such image.
        """
        ...

    def blob(self, descriptor: Descriptor) -> Iterator[bytes]:
        """Yield the bytes of a configuration or a layer.

        Raises:
            NotFoundError: it is not there.
        """
        ...


def manifest_by_digest(source: ImageSource, digest: str) -> bytes:
    """Return an index or manifest.

    Raises:
        NotFoundError: it is not there.
        IntegrityError: it has another digest.
    """
    data = source.manifest(digest)
    if digest_of(data) != digest:
        raise IntegrityError(f"{source.name}: what is kept as {digest} has another digest; it was damaged or replaced")
    return data


def document(source: ImageSource, descriptor: Descriptor) -> bytes:
    """Return a configuration.

    Raises:
        NotFoundError: it is not there.
        IntegrityError: it has another digest, or is too large to be one.
    """
    if descriptor.size > MAX_DOCUMENT:
        raise IntegrityError(f"{source.name}: {descriptor.digest} is too large to be a document of an image")
    return b"".join(verified(source, descriptor))


def verified(source: ImageSource, descriptor: Descriptor) -> Iterator[bytes]:
    """Yield the bytes of a blob; the last step says whether they were what the descriptor names.

    Raises:
        NotFoundError: it is not there.
        IntegrityError: the size or the digest is another.
    """
    sha256 = hashlib.sha256()
    size = 0
    for chunk in source.blob(descriptor):
        size += len(chunk)
        if size > descriptor.size:
            break
        sha256.update(chunk)
        yield chunk
    if size != descriptor.size or f"sha256:{sha256.hexdigest()}" != descriptor.digest:
        raise IntegrityError(f"{source.name}: {descriptor.digest} is damaged: its bytes have another digest")
