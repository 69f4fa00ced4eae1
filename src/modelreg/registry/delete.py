"""Deleting and restoring versions: records that are appended; bytes go only when a garbage collection takes them."""

from modelreg import layout
from modelreg.errors import ConflictError, NotFoundError
from modelreg.events import DELETED, RESTORED, RESTORING, Deletion
from modelreg.registry.ledger import append, create_once, stamp
from modelreg.registry.model import ModelReader
from modelreg.registry.settle import settle
from modelreg.store import Store
from modelreg.version import State, Version

_ATTEMPTS = 20


def delete(store: Store, version: Version, actor: str, *, why: str = "") -> Version:
    """Delete a live version; return it as it is then.

    Raises:
        ConflictError: an alias points at it, or did when it had been deleted, in which case it was restored.
        NotFoundError: somebody else has deleted it.
    """
    model, number = version.model, version.number
    reader = ModelReader(store, model)
    refuse_if_aliased(reader.version(number))
    record = Deletion(stamp(store, actor), DELETED, why).to_bytes(model, number)
    append(store, lambda step: layout.deletion(model, number, step), reader.last_step(number) + 1, record)
    after = reader.again().look(number)
    if after.aliases:  # moved here meanwhile; whoever moved it may not have seen the deletion
        try:
            restore(store, model, number, actor, why=f"{model}@{after.aliases[0]} points at it")
        except NotFoundError:
            # Collected, though what an alias points at is kept: it was moved here after the deletion, and is moved
            # back.
            return reader.again().look(number)
        refuse_if_aliased(after)
    return after


def restore(store: Store, model: str, number: int, actor: str, *, why: str = "") -> Version:
    """Bring a deleted version back; one that is live stays as it is.

    Raises:
        NotFoundError: there is no such version, or its files were collected.
        ConflictError: others keep deleting it.
    """
    for _ in range(_ATTEMPTS):
        reader = ModelReader(store, model)
        version = reader.look(number)
        upload = version.artifact.upload
        if version.state is State.COLLECTED:
            break
        if version.state is State.LIVE:
            if settle(reader, upload, actor):  # whoever registered it may not have come to that
                break
            return version
        pending = reader.last_step(number) + 1
        restoring = Deletion(stamp(store, actor), RESTORING, why).to_bytes(model, number)
        if not create_once(store, layout.deletion(model, number, pending), restoring):
            continue
        if settle(reader, upload, actor):
            break
        restored = Deletion(stamp(store, actor), RESTORED, why).to_bytes(model, number)
        # Exactly the next number: anything else there may be a deletion that this must not undo.
        if create_once(store, layout.deletion(model, number, pending + 1), restored):
            return reader.again().look(number)
    else:
        raise ConflictError(f"{model}:{number} is being deleted again and again; try later")
    raise NotFoundError(f"{model}:{number} cannot be restored: its files were collected, and are gone")


def refuse_if_aliased(version: Version) -> None:
    """Refuse to delete what an alias points at.

    Raises:
        ConflictError: one does; the message says which, and what to do.
    """
    if version.aliases:
        alias = version.aliases[0]
        raise ConflictError(
            f"{version.model}@{alias} points at {version}, so it was not deleted; "
            f"move the alias first: modelreg alias set {version.model}:N {alias}"
        )
