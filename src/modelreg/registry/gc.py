"""Garbage collection: candidates, a second look, a plan, and only then deletion (docs/protocol.md)."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from modelreg import layout
from modelreg.errors import IntegrityError
from modelreg.events import RESTORING, Uploads
from modelreg.parallel import ahead
from modelreg.registry.ledger import append, check_marker, create_once, stamp
from modelreg.registry.model import ModelReader, model_names
from modelreg.store import Store
from modelreg.times import timestamp

GRACE = timedelta(hours=24)
"""How old what is collected must be, unless said otherwise: a courtesy to slow uploads and second thoughts."""


class Garbage(NamedTuple):
    """An upload that nothing live refers to. size: bytes. versions: the deleted ones that referred to it."""

    model: str
    upload: str
    size: int
    versions: tuple[str, ...]


class Collected(NamedTuple):
    """What a collection removed, or, in a dry run, would remove. leftovers: bytes that killed writers left behind."""

    garbage: tuple[Garbage, ...]
    leftovers: int
    applied: bool

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(garbage.size for garbage in self.garbage) + self.leftovers


def collect(
    store: Store,
    actor: str,
    *,
    apply: bool,
    grace: timedelta = GRACE,
    on_damage: Callable[[IntegrityError], None] | None = None,
) -> Collected:
    """Remove what no live version refers to, model after model; see `Registry.gc`."""
    if not check_marker(store):
        return Collected((), 0, apply)
    before = store.clock() - grace
    garbage: list[Garbage] = []
    for model in model_names(store):
        try:
            garbage += _collect(store, model, before, actor, apply=apply)
        except IntegrityError as error:
            error = IntegrityError(f"nothing of {model} was collected, because {error}")
            if on_damage is None:
                raise error from None
            on_damage(error)
    return Collected(tuple(garbage), store.sweep(before, apply=apply), apply)


def _collect(store: Store, model: str, before: datetime, actor: str, *, apply: bool) -> list[Garbage]:
    uploads = store.folders(layout.artifacts(model))
    reader = ModelReader(store, model)
    garbage = find_garbage(reader, uploads, before)
    if not apply or not garbage:
        return garbage
    candidates = [item.upload for item in garbage if item.upload not in reader.collected]
    if candidates:
        plan(reader, candidates, before, actor)
    reader = reader.again()
    finish(reader)
    return [item for item in garbage if item.upload in reader.collected]


def find_garbage(reader: ModelReader, uploads: Iterable[str], before: datetime) -> list[Garbage]:
    """Return which uploads began before a time and are not kept, and what unfinished collections left."""
    kept = keepers(reader, before)
    deleted: dict[str, list[str]] = {}
    for number in reader.numbers:
        record, _ = reader.record(number)
        deleted.setdefault(record.artifact.upload, []).append(f"{reader.name}:{number}")
    found = []
    for upload in uploads:
        started = layout.upload_started(upload)
        is_old = started is not None and started <= before
        if upload in reader.collected or (is_old and upload not in kept):
            size = sum(entry.size for entry in reader.store.entries(layout.artifact(reader.name, upload)))
            found.append(Garbage(reader.name, upload, size, tuple(deleted.get(upload, ()))))
    return found


def keepers(reader: ModelReader, before: datetime) -> frozenset[str]:
    """Return the uploads that must stay: of versions that are live, being restored, aliased, or deleted since a time.

    All version records are read before the first deletion record is, and those before the aliases.

    Raises:
        IntegrityError: a record is damaged, so that it is not known what it refers to.
    """
    reader.fetch()
    uploads = {number: reader.record(number)[0].artifact.upload for number in reader.numbers}
    kept = {
        upload
        for number, upload in uploads.items()
        if upload not in reader.collected and _is_kept(reader, number, timestamp(before))
    }
    # Who deletes a version and then finds an alias there restores it: until then it must not go.
    return frozenset(kept | {uploads[number] for number in reader.aliases.values() if number in uploads})


def _is_kept(reader: ModelReader, number: int, before: str) -> bool:
    deletions = reader.deletions(number)
    if not deletions or deletions[-1].state == RESTORING:
        return True
    deletion = reader.deletion(number)
    return deletion is None or deletion.stamp.created > before


def plan(reader: ModelReader, candidates: Sequence[str], before: datetime, actor: str) -> None:
    """Announce candidates, look again, and fix what is to be deleted, unless somebody has voided that."""
    store, model = reader.store, reader.name
    announced = Uploads(stamp(store, actor), tuple(candidates))
    number = append(
        store,
        lambda collection: layout.candidates(model, collection),
        max(reader.collections, default=0) + 1,
        announced.to_bytes("candidates", model),
    )
    kept = keepers(reader.again(), before)
    doomed = Uploads(stamp(store, actor), tuple(upload for upload in candidates if upload not in kept))
    create_once(store, layout.plan(model, number), doomed.to_bytes("plan", model))


def finish(reader: ModelReader) -> None:
    """Delete what plans name, and nothing else; also what a collection that died had left over."""
    present = reader.store.folders(layout.artifacts(reader.name))
    for upload in sorted(reader.collected.intersection(present)):
        keys = [entry.key for entry in reader.store.entries(layout.artifact(reader.name, upload))]
        for _ in ahead(reader.store.delete, keys, reader.store.parallel):
            """One is gone."""
