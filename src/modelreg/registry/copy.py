"""Copying a version into another registry: the same bytes, environment and provenance, and where it came from."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from modelreg import layout
from modelreg.cache.local import LocalCache
from modelreg.canonical import encode
from modelreg.digest import Poured
from modelreg.files import SourceFile, SourceTree
from modelreg.manifest import Manifest
from modelreg.progress import ProgressCallback
from modelreg.records import CopiedFrom
from modelreg.registry.download import Download
from modelreg.registry.ledger import append, check_marker, stamp
from modelreg.registry.model import ModelReader
from modelreg.registry.register import Carrier, Registered, Submission, fault_of, find_holder, register
from modelreg.registry.settle import settle
from modelreg.store import Store
from modelreg.version import Version


def copy(
    source: Store,
    manifest: Manifest,
    target: Store,
    actor: str,
    *,
    progress: ProgressCallback | None = None,
    cache: LocalCache | None = None,
) -> Registered:
    """Register a version of one registry in another, unless it is there already, and bring its annotations along.

    The number and the record are the other registry's; the digests of artifact and environment stay. Inside one
    provider the bytes do not pass through here. Elsewhere all are here, verified, before anything is written there.
    cache: where files are found, and kept.

    Raises:
        IntegrityError: the version is damaged where it comes from; nothing was written.
    """
    version = manifest.version
    check_marker(target)
    reader = ModelReader(target, version.model)
    earlier = _copy_of(version, reader)
    is_sound = earlier is not None and fault_of(target, earlier, manifest.tree, {}) is None
    if earlier is None or not is_sound or settle(reader, earlier.artifact.upload, actor):
        submission = _submission(source, manifest, actor)
        with _carrier(Download(source, manifest, progress, cache), reader) as carrier:
            registered = register(target, submission, carrier=carrier, progress=progress)
    else:
        registered = Registered(earlier, created=False, uploaded=False)
    _bring_annotations(target, version, registered.version, actor)
    copied = ModelReader(target, version.model).version(registered.version.number)
    return registered._replace(version=copied)


@contextmanager
def _carrier(download: Download, reader: ModelReader) -> Iterator[Carrier]:
    """Yield what brings the files over; a folder for those that pass through here lasts as long."""
    manifest, version, target = download.manifest, download.manifest.version, reader.store
    prefix = layout.artifact(version.model, version.artifact.upload)
    files = {file.path: file for file in manifest.tree.files}
    copier = target.copier(download.store)
    with tempfile.TemporaryDirectory(prefix="modelreg-") as folder:

        def bring(path: str, key: str, count: Callable[[int], None]) -> Poured:
            file = files[path]
            if copier is not None and copier(f"{prefix}{path}", key, file.size):
                count(file.size)
                return Poured(file.size, file.sha256)
            if not Path(folder, path).exists():
                download._replace(progress=None).write([file], Path(folder))
            return target.upload(key, Path(folder, path), count)

        if copier is None and find_holder(reader, manifest.tree, None, {}).version is None:
            download.write(manifest.tree.files, Path(folder))
        yield Carrier(manifest.tree, bring)


def _copy_of(version: Version, reader: ModelReader) -> Version | None:
    """Return the live version there that is a copy of this one, is its original, or has the same original."""
    artifact = version.artifact
    if not any(reader.store.entries(layout.tree(reader.name, artifact.size, artifact.digest.removeprefix("sha256:")))):
        return None  # no version there has its files, so none need be read
    wanted = _lineage(version)
    return next((other for other in reader.live(on_damage=lambda _: None) if wanted & _lineage(other)), None)


def _lineage(version: Version) -> set[str]:
    origin = version.record.copied_from
    return {version.digest, origin.record} if origin else {version.digest}


def _submission(source: Store, manifest: Manifest, actor: str) -> Submission:
    version = manifest.version
    files = tuple(SourceFile(Path(file.path), file.path, file.size) for file in manifest.tree.files)
    origin = CopiedFrom(_public(source.url), version.model, version.number, version.digest)
    record = version.record._replace(created_by=actor, copied_from=origin)
    return Submission(SourceTree(version.artifact.layout, files), encode(manifest.environment_record), record)


def _public(url: str) -> str:
    """Leave the name of a home folder out of what is recorded."""
    home = str(Path.home())
    return f"~{url.removeprefix(home)}" if url.startswith(f"{home}{os.sep}") else url


def _bring_annotations(target: Store, version: Version, copied: Version, actor: str) -> None:
    """Append the annotations that the copy has not got yet. Each keeps its `op`, by which it is known again."""
    model, number = copied.model, copied.number
    brought = {annotation.stamp.op for annotation in copied.annotations}
    last = ModelReader(target, model).last_fact(number)
    for annotation in version.annotations:
        if annotation.stamp.op not in brought:
            stamped = annotation._replace(stamp=stamp(target, actor)._replace(op=annotation.stamp.op))
            record = stamped.to_bytes(model, number)
            last = append(target, lambda fact: layout.annotation(model, number, fact), last + 1, record)
