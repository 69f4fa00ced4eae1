"""Settling: making sure that no garbage collection takes the files that a version refers to (docs/protocol.md)."""

from modelreg import layout
from modelreg.errors import KeyAbsentError
from modelreg.events import Uploads
from modelreg.registry.ledger import create_once, stamp
from modelreg.registry.model import ModelReader
from modelreg.store import Store


def settle(store: Store, model: str, upload: str, actor: str) -> bool:
    """Make sure that no collection takes an upload that a version now refers to; tell whether one has taken it.

    Each collection that considers the upload and has no plan yet gets an empty one, which voids it.
    """
    reader = ModelReader(store, model)
    for number in reader.collections:
        try:
            considered = upload in reader.candidates(number)
        except KeyAbsentError:
            continue
        if considered and upload in _plan_or_void(store, reader, number, actor).artifacts:
            return True
    return False


def _plan_or_void(store: Store, reader: ModelReader, number: int, actor: str) -> Uploads:
    plan = reader.plan(number)
    if plan is None:
        void = Uploads(stamp(store, actor), ())
        if create_once(store, layout.plan(reader.name, number), void.to_bytes("plan", reader.name)):
            return void
        plan = reader.plan(number)
    assert plan is not None  # noqa: S101  # the creation was refused, so a plan is there
    return plan
