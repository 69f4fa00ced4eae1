"""Settling: making sure that no garbage collection takes the files that a version refers to (docs/protocol.md)."""

from modelreg import layout
from modelreg.errors import IntegrityError, KeyAbsentError
from modelreg.events import Uploads
from modelreg.registry.ledger import create_once, stamp
from modelreg.registry.model import ModelReader


def settle(reader: ModelReader, upload: str, actor: str) -> bool:
    """Make sure that no collection takes an upload that a version now refers to; tell whether one has taken it.

    Each collection that considers the upload and has no plan yet gets an empty one, which voids it. Collections are
    listed anew; plans that the reader knows are not read again.
    """
    for number in reader.collections:
        plan = reader.plan(number)
        if plan is None and _may_consider(reader, number, upload):
            plan = _void(reader, number, actor)
        if plan is not None and upload in plan.artifacts:
            return True
    return False


def _may_consider(reader: ModelReader, number: int, upload: str) -> bool:
    try:
        return upload in reader.candidates(number)
    except KeyAbsentError:
        return False
    except IntegrityError:
        return True  # nobody knows; to void a collection is never wrong


def _void(reader: ModelReader, number: int, actor: str) -> Uploads | None:
    """Create an empty plan; return the one that is there then, which may be another."""
    void = Uploads(stamp(reader.store, actor), ())
    key = layout.plan(reader.name, number)
    return void if create_once(reader.store, key, void.to_bytes("plan", reader.name)) else reader.plan(number)
