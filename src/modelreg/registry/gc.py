"""Garbage collection: candidates, a second look, a plan, and only then deletion (docs/protocol.md)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from modelreg import layout
from modelreg.errors import IntegrityError
from modelreg.events import RESTORING, Uploads
from modelreg.registry.ledger import append, create_once, stamp
from modelreg.registry.model import ModelReader
from modelreg.store import Store
from modelreg.times import timestamp

GRACE = timedelta(hours=24)
"""How old what is collected must be, unless said otherwise: a courtesy to slow uploads and second thoughts."""


@dataclass(frozen=True, slots=True)
class Garbage:
    """An upload that nothing live refers to. size: bytes. versions: the deleted ones that referred to it."""

    model: str
    upload: str
    size: int
    versions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection removed, or, in a dry run, would remove. leftovers: bytes that killed writers left behind."""

    garbage: tuple[Garbage, ...]
    leftovers: int
    applied: bool

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(garbage.size for garbage in self.garbage) + self.leftovers


def collect(store: Store, actor: str, *, apply: bool, grace: timedelta = GRACE) -> Collected:
    """Remove what no live version refers to, in every model; without `apply`, only say what that would be.

    Raises:
        IntegrityError: a record is damaged, so that it is not known what is referred to. Models before it are done.
    """
    before = store.clock() - grace
    garbage: list[Garbage] = []
    for model in store.folders(layout.MODELS):
        found = find_garbage(store, model, before)
        if apply:
            finish(store, model)
            planned = plan(store, model, [item.upload for item in found], before, actor)
            found = [item for item in found if item.upload in planned]
            finish(store, model)
        garbage += found
    return Collected(tuple(garbage), store.sweep(before, apply=apply), apply)


def find_garbage(store: Store, model: str, before: datetime) -> list[Garbage]:
    """Return the uploads that began before a time and that nothing keeps, and what unfinished collections left."""
    uploads = store.folders(layout.artifacts(model))
    reader = ModelReader(store, model)
    kept = keepers(reader, before)
    deleted: dict[str, list[str]] = {}
    for version in reader.all():
        deleted.setdefault(version.artifact.upload, []).append(version.reference)
    found = []
    for upload in uploads:
        started = layout.upload_started(upload)
        is_old = started is not None and started <= before
        if upload not in kept and (is_old or upload in reader.collected):
            size = sum(entry.size for entry in store.entries(layout.artifact(model, upload)))
            found.append(Garbage(model, upload, size, tuple(reversed(deleted.get(upload, [])))))
    return found


def keepers(reader: ModelReader, before: datetime) -> frozenset[str]:
    """Return the uploads that must stay: those of versions that are live, being restored, or deleted since a time.

    All version records are read before the first deletion record is.

    Raises:
        IntegrityError: a record is damaged, so that what it refers to is not known.
    """
    try:
        records = [reader.record(number)[0] for number in reader.numbers]
        return frozenset(
            record.artifact.upload for record in records if _is_kept(reader, record.version, timestamp(before))
        )
    except IntegrityError as error:
        raise IntegrityError(f"nothing of {reader.name} was collected, because {error}") from None


def _is_kept(reader: ModelReader, number: int, before: str) -> bool:
    if reader.record(number)[0].artifact.upload in reader.collected:
        return False
    deletions = reader.deletions(number)
    if not deletions or deletions[-1].state == RESTORING:
        return True
    deletion = reader.deletion(number)
    return deletion is None or deletion.stamp.created > before


def plan(store: Store, model: str, uploads: list[str], before: datetime, actor: str) -> tuple[str, ...]:
    """Announce candidates, look again, and fix what is to be deleted; return it, empty where somebody voided that."""
    fresh = ModelReader(store, model)
    candidates = [upload for upload in uploads if upload not in fresh.collected]
    if not candidates:
        return tuple(uploads)
    announced = Uploads(stamp(store, actor), tuple(candidates))
    highest = fresh.collections[-1] if fresh.collections else 0
    number = append(
        store,
        lambda collection: layout.candidates(model, collection),
        highest + 1,
        announced.to_bytes("candidates", model),
    )
    kept = keepers(ModelReader(store, model), before)
    doomed = Uploads(stamp(store, actor), tuple(upload for upload in candidates if upload not in kept))
    if not create_once(store, layout.plan(model, number), doomed.to_bytes("plan", model)):
        return tuple(upload for upload in uploads if upload not in candidates)
    return tuple(upload for upload in uploads if upload not in kept)


def finish(store: Store, model: str) -> None:
    """Delete what plans name, and nothing else; also what a collection that died had left over."""
    reader = ModelReader(store, model)
    present = set(store.folders(layout.artifacts(model)))
    for upload in reader.collected & present:
        for entry in list(store.entries(layout.artifact(model, upload))):
            store.delete(entry.key)
