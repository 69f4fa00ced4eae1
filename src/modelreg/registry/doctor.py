"""Looking a registry over: can it be reached, read, written to and trusted, and is anything left lying."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from modelreg import layout
from modelreg.errors import IntegrityError, KeyExistsError, ModelregError, StoreError
from modelreg.records import new_op, seal
from modelreg.registry.gc import GRACE
from modelreg.registry.ledger import check_marker, created_twice
from modelreg.store import Store
from modelreg.times import timestamp

if TYPE_CHECKING:
    from modelreg.registry.audit import Audit

_SKEW = timedelta(minutes=5)
"""How much a clock may differ before a signature is refused."""


class Diagnosis(NamedTuple):
    """What was looked at, and what was found. exit_code: 0 where all is well; else that of the fault."""

    what: str
    found: str
    exit_code: int = 0


def examine(store: Store, actor: str, read: "Callable[[], Audit] | None" = None) -> Iterator[Diagnosis]:
    """Yield one finding after another; where the store cannot even be reached, no others follow.

    read: reads versions, where that is asked for.
    """
    try:
        now = store.clock()
    except ModelregError as error:
        yield Diagnosis("store", str(error), error.exit_code)
        return
    yield Diagnosis("store", f"{store.url} answers")
    yield _clock(now)
    try:
        marked = check_marker(store)
    except ModelregError as error:
        yield Diagnosis("marker", str(error), error.exit_code)
        return
    if not marked:
        yield Diagnosis("marker", f"{store.url} is no registry yet; modelreg init {store.url} makes it one")
        return
    yield Diagnosis("marker", "it is a registry, of format 1")
    yield _writing(store, seal("registry", new_op(), timestamp(now), actor, {}))
    yield _leftovers(store, now - GRACE)
    if read is not None:
        yield from _contents(read)


def _clock(now: datetime) -> Diagnosis:
    skew = abs(now - datetime.now(UTC))
    if skew <= _SKEW:
        return Diagnosis("clock", "this machine's clock agrees with the store's")
    seconds = int(skew.total_seconds())
    return Diagnosis("clock", f"this machine's clock is {seconds:,} s off the store's; set it", StoreError.exit_code)


def _writing(store: Store, data: bytes) -> Diagnosis:
    """See whether the marker can be created once more: a store that keeps its promise refuses, and writes nothing."""
    try:
        store.create(layout.MARKER, data)
    except KeyExistsError:
        return Diagnosis("writing", "allowed, and a record that exists is not replaced")
    except ModelregError as error:
        return Diagnosis("writing", str(error), error.exit_code)
    return Diagnosis("writing", created_twice(store), StoreError.exit_code)


def _leftovers(store: Store, before: datetime) -> Diagnosis:
    try:
        size = store.sweep(before, apply=False)
    except ModelregError as error:
        return Diagnosis("leftovers", str(error), error.exit_code)
    if not size:
        return Diagnosis("leftovers", "none")
    return Diagnosis(
        "leftovers", f"{size:,} bytes of uploads that were never finished; modelreg gc --apply removes them"
    )


def _contents(read: "Callable[[], Audit]") -> Iterator[Diagnosis]:
    try:
        audit = read()
    except ModelregError as error:
        yield Diagnosis("versions", str(error), error.exit_code)
        return
    for damage in audit.damage:
        yield Diagnosis(damage.what, damage.fault, IntegrityError.exit_code)
    of_all = f"read: {audit.versions:,} (files: {audit.files:,}, bytes: {audit.size:,})"
    if audit.damage:
        yield Diagnosis("versions", f"{of_all}; not all are as they were registered", IntegrityError.exit_code)
    else:
        yield Diagnosis("versions", f"{of_all}; all are as they were registered")
