"""The story of a model: everything that its records tell, in order."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from modelreg.events import DELETED, RESTORING, Annotation
from modelreg.registry.model import ModelReader


class Happening(NamedTuple):
    """One thing that happened to a model.

    kind: `registered`, `aliased`, `unaliased`, `rolled back`, `annotated`, `deleted`, `restored` or `collected`.
    version: the version it happened to; None where an alias was removed. text: the rest, in words.
    alias, before: which alias moved, and the version that it pointed at until then.
    """

    created: str
    created_by: str
    kind: str
    version: int | None
    text: str
    why: str = ""
    alias: str | None = None
    before: int | None = None


def history(model: ModelReader) -> tuple[Happening, ...]:
    """Return what happened to a model, oldest first.

    Times are whole seconds, and a clock may be set back: what is numbered stays in the order of its numbers, and within
    one second a version is registered before anything else happens.

    Raises:
        IntegrityError: a record is damaged.
    """
    dated = [(happening.created, happening) for happening in _registered(model)]
    for alias in model.alias_names:
        dated += _in_order(_aliased(model, alias))
    for number in model.numbers:
        dated += _in_order(_added(model, number))
        dated += _in_order(_deleted(model, number))
    dated += _in_order(_collected(model))
    return tuple(happening for _, happening in sorted(dated, key=lambda item: item[0]))


def _in_order(numbered: Iterable[Happening]) -> Iterator[tuple[str, Happening]]:
    """Yield each with the time to sort it by, which is never before that of the one before it."""
    latest = ""
    for happening in numbered:
        latest = max(latest, happening.created)
        yield latest, happening


def _registered(model: ModelReader) -> Iterator[Happening]:
    for number in model.numbers:
        record, _ = model.record(number)
        text = f"{record.artifact.format or record.artifact.layout}, {record.artifact.size:,} bytes"
        if record.source:
            text += f", from git {record.source.commit[:12]}"
        if origin := record.copied_from:
            text += f", copied from {origin.model}:{origin.version} in {origin.registry}"
        yield Happening(record.created, record.created_by, "registered", number, text)


def _aliased(model: ModelReader, alias: str) -> Iterator[Happening]:
    before: int | None = None
    for move in model.moves(alias):
        kind = "unaliased" if move.version is None else "rolled back" if move.rollback else "aliased"
        text = f"{alias} (was {model.name}:{before})" if before is not None else alias
        stamp = move.stamp
        yield Happening(stamp.created, stamp.created_by, kind, move.version, text, move.why, alias, before)
        before = move.version


def _added(model: ModelReader, number: int) -> Iterator[Happening]:
    for fact in model.annotations(number):
        yield Happening(fact.stamp.created, fact.stamp.created_by, "annotated", number, _words(fact))


def _words(fact: Annotation) -> str:
    parts = [f"tag {name}={value}" for name, value in fact.tags.items()]
    parts += [f"metric {name}={value}" for name, value in fact.metrics.items()]
    parts += [f"image {target} {image.reference}" for target, image in fact.images.items()]
    parts += [f"image {target} removed" for target in fact.remove_images]
    parts += [f"tag {name} removed" for name in fact.remove_tags]
    parts += [f"description: {fact.description}"] if fact.description is not None else []
    return ", ".join(parts)


def _deleted(model: ModelReader, number: int) -> Iterator[Happening]:
    for step in model.deletions(number):
        if step.state != RESTORING:
            kind = "deleted" if step.state == DELETED else "restored"
            yield Happening(step.stamp.created, step.stamp.created_by, kind, number, "", step.why)


def _collected(model: ModelReader) -> Iterator[Happening]:
    uploads = {number: model.record(number)[0].artifact.upload for number in model.numbers}
    for collection in model.collections:
        plan = model.plan(collection)
        for number, upload in uploads.items():
            if plan is not None and upload in plan.artifacts:
                yield Happening(plan.stamp.created, plan.stamp.created_by, "collected", number, "its files are gone")
