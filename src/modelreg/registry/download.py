"""Fetching a version's files: bytes verified while they stream, and gone on with where an earlier attempt broke off."""

import os
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from modelreg import layout
from modelreg.cache.local import LocalCache
from modelreg.digest import Piece, Poured, pour
from modelreg.errors import IntegrityError, KeyAbsentError
from modelreg.files import pieces
from modelreg.manifest import Manifest
from modelreg.parallel import ahead
from modelreg.progress import Meter, ProgressCallback
from modelreg.records import File
from modelreg.registry.arrival import Prefix, fetch
from modelreg.registry.transfer import by_size
from modelreg.store import Store
from modelreg.store.bucket import PART

_IN_PLACES = hasattr(os, "pwrite")
"""Whether several threads can write to one file, each at its own place; Windows has no `pwrite`."""


class Download(NamedTuple):
    """The files of a version, on their way from a store.

    cache: where they are found first, and kept once they are fetched and verified.
    """

    store: Store
    manifest: Manifest
    progress: ProgressCallback | None = None
    cache: LocalCache | None = None

    def write(self, files: Sequence[File], folder: Path, note: Path | None = None) -> None:
        """Write files into a folder that has none of them, or what an earlier attempt had written of them.

        note: where to note how much of a file has arrived, for a later attempt.

        Raises:
            IntegrityError: a file is missing in the store, or its bytes are not those that were registered.
        """
        store, version, cache = self.store, self.manifest.version, self.cache
        prefix = layout.artifact(version.model, version.artifact.upload)
        kept: list[File] = []
        meter = Meter("download", sum(file.size for file in files), self.progress)

        def obtain(file: File) -> None:
            path = folder / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            if cache and cache.files.take(file, path, meter.add):
                return
            try:
                wrong = _fetch(store, f"{prefix}{file.path}", path, file, meter, note)
            except KeyAbsentError:
                wrong = "is missing"
            if wrong:
                raise IntegrityError(
                    f"{version.reference} is damaged in the registry: {file.path} {wrong}; nothing was written"
                )
            if cache and cache.files.keep(path, file):
                kept.append(file)

        small, large = by_size(files)
        for _ in chain(ahead(obtain, small, store.parallel), map(obtain, large)):
            """What is wrong is raised."""
        if cache:
            cache.settle(store.url, version, self.manifest.tree.files, grown=bool(kept))


def _fetch(store: Store, key: str, path: Path, file: File, meter: Meter, note: Path | None) -> str | None:
    """Write one file; return what is wrong with it."""
    fetcher = store.fetcher() if file.size > PART and _IN_PLACES else None
    if fetcher is None:
        poured, present = _pour(store, key, path, file, meter)
    else:
        poured, present = fetch(fetcher, key, path, file, Prefix(note, file), meter.add)
    wrong = wrong_with(poured, file)
    if wrong and present:  # what was there is not what it should be: once more, from the beginning
        path.unlink()
        meter.add(-poured.size)
        return _fetch(store, key, path, file, meter, note)
    return wrong


def wrong_with(poured: Poured, file: File) -> str | None:
    """Say what is wrong with the bytes that were read of a file; None where they are those that were registered."""
    if poured == (file.size, file.sha256):
        return None
    if poured.size != file.size:
        return f"has {'more' if poured.size > file.size else 'fewer'} than its {file.size:,} bytes"
    return "has other bytes than those that were registered"


def _pour(store: Store, key: str, path: Path, file: File, meter: Meter) -> tuple[Poured, int]:
    """Write a file in order, behind what is there of it; return what lies there then, and how much of it did before."""
    present = path.stat().st_size if path.exists() else 0
    if present > file.size:
        path.unlink()
        present = 0
    passed_over = 0

    with path.open("ab") as target:

        def write(chunk: Piece) -> None:
            nonlocal passed_over
            if passed_over < present:  # it comes from the file itself, and was only to be hashed
                passed_over += len(chunk)
            else:
                target.write(chunk)

        rest = bounded(store.stream(key, present), file.size - present)
        return pour(chain(pieces(path) if present else (), rest), write, meter.add), present


def bounded(stream: Iterator[Piece], size: int) -> Iterator[Piece]:
    """Pass on a stream, but end it one byte beyond `size`, which is enough to show that it is too long."""
    left = size + 1
    for chunk in stream:
        yield chunk[:left]
        left -= len(chunk)
        if left <= 0:
            return
