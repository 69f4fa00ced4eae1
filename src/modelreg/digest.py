"""sha256 digests of bytes, and moving bytes while they are hashed."""

import re
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import NamedTuple, TypeAlias, TypeVar

CHUNK = 1024 * 1024
"""How many bytes are read, hashed and written at a time."""

_SMALL = 4 * CHUNK
"""Bytes that are hashed without OpenSSL, where nothing has loaded that."""

Piece: TypeAlias = bytes | memoryview
"""Some bytes of a file."""

Data = TypeVar("Data", bound=Piece)

_HEX = re.compile(r"[0-9a-f]{64}")


class Poured(NamedTuple):
    """What went through: how many bytes, and their sha256 in hexadecimal."""

    size: int
    sha256: str


def sha256_of(data: bytes) -> str:
    """Return the sha256 of `data`, in hexadecimal."""
    return str(_module_for(len(data)).sha256(data).hexdigest())


def digest_of(data: bytes) -> str:
    """Return the digest of `data`, as records and images refer to it: `sha256:` and 64 hexadecimal digits."""
    return f"sha256:{sha256_of(data)}"


def _module_for(size: int) -> ModuleType:
    """Return the module that hashes so many bytes soonest.

    hashlib loads OpenSSL, which takes longer than to hash all the records that a command reads without it. The standard
    library's own `random` does the same.
    """
    if size <= _SMALL and "hashlib" not in sys.modules:
        with suppress(ImportError):
            return import_module("_sha2" if sys.version_info >= (3, 12) else "_sha256")
    return import_module("hashlib")


def is_sha256(text: str) -> bool:
    """Tell whether `text` is 64 lower-case hexadecimal digits, and nothing else."""
    return _HEX.fullmatch(text) is not None


def pour(
    chunks: Iterable[Data],
    write: Callable[[Data], object] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Poured:
    """Hash `chunks` in order, handing each to `write` and its length to `progress`.

    From the second chunk on, hashing runs in a thread of its own, beside the reading and the writing.
    """
    # Imported here: see `sha256_of`.
    import hashlib

    stream = iter(chunks)
    sha256 = hashlib.sha256()
    size = 0
    first, second = next(stream, None), next(stream, None)
    if second is None or first is None:
        if first is not None:
            sha256.update(first)
            size = len(first)
            if write is not None:
                write(first)
        if progress is not None:
            progress(size)
        return Poured(size, sha256.hexdigest())

    # Imported here: it costs as much as all else that a small model needs.
    from concurrent.futures import ThreadPoolExecutor
    from itertools import chain

    with ThreadPoolExecutor(1) as hasher:
        pending = hasher.submit(sha256.update, b"")
        for chunk in chain((first, second), stream):
            pending.result()
            pending = hasher.submit(sha256.update, chunk)
            if write is not None:
                write(chunk)
            size += len(chunk)
            if progress is not None:
                progress(len(chunk))
        pending.result()
    return Poured(size, sha256.hexdigest())
