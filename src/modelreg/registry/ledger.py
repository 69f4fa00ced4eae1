"""Creating and reading records, whatever happens to the answers on the way."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from modelreg import layout
from modelreg.canonical import MAX_BYTES
from modelreg.errors import AccessDeniedError, IntegrityError, KeyAbsentError, StoreError, UnsafePathError
from modelreg.events import Stamp
from modelreg.records import new_op, seal, unseal
from modelreg.store import Store
from modelreg.times import timestamp

_ATTEMPTS = 5


def create_once(store: Store, key: str, data: bytes) -> bool:
    """Create a record; tell whether these bytes are there now, or False: somebody else's are.

    An answer that was lost is settled by reading the record back (docs/protocol.md); the writer's `op` in it makes
    the bytes its own.

    Raises:
        StoreError: after some attempts nobody's record is there, or the store cannot be asked.
    """
    failure: StoreError | None = None
    for _ in range(_ATTEMPTS):
        try:
            store.create(key, data)
        except StoreError as error:
            failure = error
        else:
            return True
        with suppress(StoreError):  # absent, or this answer was lost too: again
            return store.read(key, MAX_BYTES) == data
    raise StoreError(f"{store.url} did not keep the record {key}: {failure}")


def append(store: Store, key: Callable[[int], str], number: int, data: bytes) -> int:
    """Create a record as the first free one of a numbered sequence, from `number` on; return its number."""
    while not create_once(store, key(number), data):
        number += 1
    return number


def stamp(store: Store, actor: str) -> Stamp:
    """Return who writes a record, and when, by the store's clock."""
    return Stamp(new_op(), timestamp(store.clock()), actor)


def create_content(store: Store, key: str, data: bytes) -> None:
    """Create a content-addressed record; one that is there already must hold the same bytes.

    Raises:
        IntegrityError: what lies there is damaged.
    """
    if not create_once(store, key, data):
        raise IntegrityError(f"the record {key} in {store.url} is damaged; remove it, and register again")


@contextmanager
def reading(store: Store, key: str, read: bytes | None = None) -> Iterator[bytes]:
    """Read a record, unless its bytes have been `read`, and name it in whatever is found wrong with them."""
    data = store.read(key, MAX_BYTES) if read is None else read
    try:
        yield data
    except UnsafePathError as error:  # of a file that it names
        raise UnsafePathError(f"the record {key} in {store.url}: {error}") from None
    except IntegrityError as error:
        raise IntegrityError(f"the record {key} in {store.url} {error}") from None


@contextmanager
def reading_content(store: Store, key: str) -> Iterator[bytes]:
    """Read a content-addressed record that another record refers to, as `reading` does; who takes it verifies it.

    Raises:
        IntegrityError: it is missing.
    """
    try:
        with reading(store, key) as data:
            yield data
    except KeyAbsentError:
        raise IntegrityError(f"the record {key} is missing in {store.url}") from None


def check_marker(store: Store) -> bool:
    """Tell whether the store is marked as a registry.

    Raises:
        IntegrityError: the marker is damaged, or of a format that this modelreg does not know.
    """
    try:
        with reading(store, layout.MARKER) as data:
            unseal("registry", data)
    except KeyAbsentError:
        return False
    return True


def mark(store: Store, created: str, created_by: str) -> None:
    """Mark the store as a registry, unless it is, and see to it that it keeps *create if absent*.

    Raises:
        StoreError: the store let a record be created twice.
    """
    if check_marker(store):
        return
    if not create_once(store, layout.MARKER, seal("registry", new_op(), created, created_by, {})):
        check_marker(store)
        return
    if not create_once(store, layout.MARKER, seal("registry", new_op(), created, created_by, {})):
        return
    with suppress(AccessDeniedError, StoreError):
        store.delete(layout.MARKER)  # else the next writer would take it for a registry
    raise StoreError(created_twice(store))


def created_twice(store: Store) -> str:
    """Say of a store that does not keep *create if absent* what comes of that."""
    return (
        f"{store.url} lets a record be created twice, so two writers could overwrite one another; "
        "it cannot hold a registry"
    )
