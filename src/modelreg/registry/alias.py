"""Moving aliases: a numbered history, in which of two people at once one wins and the other is told."""

from typing import NamedTuple

from modelreg import layout
from modelreg.errors import ConflictError, NotFoundError
from modelreg.events import Move
from modelreg.reference import check_alias_name
from modelreg.registry.ledger import create_once, stamp
from modelreg.registry.model import ModelReader
from modelreg.registry.settle import settle
from modelreg.store import Store
from modelreg.version import State


class Moved(NamedTuple):
    """What became of an alias. moved: False where it pointed there already."""

    model: str
    alias: str
    before: int | None
    after: int | None
    moved: bool


class Alias(NamedTuple):
    """Where an alias points, since when (`moved`), by whom and why."""

    model: str
    alias: str
    version: int
    moved: str
    by: str
    why: str


def aliases(reader: ModelReader) -> list[Alias]:
    """Return the aliases of a model that point at a version, by name."""
    last = ((name, reader.move(name, reader.last_move(name))) for name in reader.aliases)
    return [
        Alias(reader.name, name, move.version, move.stamp.created, move.stamp.created_by, move.why)
        for name, move in last
        if move.version is not None
    ]


def move_alias(
    store: Store, model: str, alias: str, version: int | None, actor: str, *, why: str = "", force: bool = False
) -> Moved:
    """Point an alias at a version, or, with None, remove it; see `Registry.set_alias` and `remove_alias`."""
    check_alias_name(alias)
    reader = ModelReader(store, model)
    if version is not None:
        reader.version(version)
    return _append(store, reader, alias, version, actor, why=why, force=force)


def roll_back_alias(store: Store, model: str, alias: str, actor: str, *, why: str = "") -> Moved:
    """Point an alias at the version it pointed at before; see `Registry.roll_back_alias`."""
    check_alias_name(alias)
    reader = ModelReader(store, model)
    before = previous(reader.moves(alias))
    if before is None:
        if alias in reader.alias_names:
            raise NotFoundError(
                f"{model}@{alias} has not pointed at another version before; see modelreg history {model}"
            )
        raise reader.no_alias(alias)
    reader.version(before)
    return _append(store, reader, alias, before, actor, why=why, rollback=True)


def previous(moves: list[Move]) -> int | None:
    """Return the version that an alias pointed at before the present one, moves that were rolled back left out."""
    past: list[int | None] = []
    for move in moves:
        if move.rollback and move.version in past:
            # Back to that version, as if what came after had not been.
            del past[len(past) - past[::-1].index(move.version) :]
        elif not past or past[-1] != move.version:
            past.append(move.version)
    present = past[-1] if past else None
    return next((version for version in reversed(past) if version not in (None, present)), None)


def _append(
    store: Store,
    reader: ModelReader,
    alias: str,
    version: int | None,
    actor: str,
    *,
    why: str,
    rollback: bool = False,
    force: bool = False,
) -> Moved:
    model = reader.name
    while True:
        before = reader.target(alias)
        if version is None and before is None:
            raise reader.no_alias(alias)
        if version == before:
            if version is not None and not _stands(reader.again(), version, actor):
                raise ConflictError(f"{model}:{version} was deleted meanwhile; {model}@{alias} should not point at it")
            return Moved(model, alias, before, version, moved=False)
        number = reader.last_move(alias) + 1
        move = Move(stamp(store, actor), version, why, rollback)
        if create_once(store, layout.alias(model, alias, number), move.to_bytes(model, alias)):
            break
        reader = reader.again()
        if not force:
            remedy = "" if version is None or rollback else "; --force moves it all the same"
            raise ConflictError(_lost(model, alias, reader.move(alias, number)) + remedy)
    if version is not None:
        _stand_by(reader, alias, number, version, before, actor)
    return Moved(model, alias, before, version, moved=True)


def _stand_by(reader: ModelReader, alias: str, number: int, version: int, before: int | None, actor: str) -> None:
    """Take the move with this number back if the version was deleted meanwhile: the deleter may not have seen it.

    The version before may have been deleted, too, as nothing pointed at it any more; then the alias is removed.
    """
    if _stands(reader.again(), version, actor):
        return
    model = reader.name
    for back_to in (before, None):
        number += 1
        back = Move(stamp(reader.store, actor), back_to, f"{model}:{version} was deleted meanwhile", rollback=True)
        if not create_once(reader.store, layout.alias(model, alias, number), back.to_bytes(model, alias)):
            break  # somebody else has moved it on
        if back_to is None or _stands(reader.again(), back_to, actor):
            break
    raise ConflictError(f"{model}:{version} was deleted meanwhile, so {model}@{alias} does not point at it")


def _stands(reader: ModelReader, version: int, actor: str) -> bool:
    """Tell whether a version is live, and make sure that it is not collected unless it is deleted."""
    seen = reader.look(version)
    return seen.state is State.LIVE and not settle(reader, seen.artifact.upload, actor)


def _lost(model: str, alias: str, move: Move) -> str:
    where = f"to {model}:{move.version}" if move.version is not None else "to nothing"
    why = f" ({move.why})" if move.why else ""
    return (
        f"{move.stamp.created_by} moved {model}@{alias} {where} at the same moment{why}; "
        f"look at modelreg history {model}, then try again"
    )
