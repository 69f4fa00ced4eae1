"""Creating and reading records, whatever happens to the answers on the way."""

from collections.abc import Iterator
from contextlib import contextmanager

from modelreg import layout
from modelreg.canonical import MAX_BYTES
from modelreg.digest import sha256_of
from modelreg.errors import IntegrityError, KeyAbsentError, KeyExistsError, StoreError
from modelreg.records import new_op, seal, unseal
from modelreg.store import Store

_ATTEMPTS = 5


def create_once(store: Store, key: str, data: bytes) -> bool:
    """Create a record that holds its writer's `op`; tell whether it is there now, or False: somebody else's is.

    An answer that was lost is settled by reading the record back (docs/protocol.md).

    Raises:
        StoreError: after some attempts nobody's record is there.
    """
    failure: StoreError | None = None
    for _ in range(_ATTEMPTS):
        try:
            store.create(key, data)
        except KeyAbsentError:
            raise
        except StoreError as error:
            failure = error
        else:
            return True
        try:
            present = store.read(key, MAX_BYTES)
        except KeyAbsentError:
            continue
        return present == data
    raise StoreError(f"{store.url} did not keep the record {key}: {failure}")


def create_content(store: Store, key: str, data: bytes) -> None:
    """Create a content-addressed record; one that is there already must hold the same bytes.

    Raises:
        IntegrityError: what lies there is damaged.
    """
    try:
        store.create(key, data)
    except KeyExistsError:
        if store.read(key, MAX_BYTES) != data:
            raise IntegrityError(f"the record {key} in {store.url} is damaged; remove it, and register again") from None


@contextmanager
def reading(store: Store, key: str) -> Iterator[bytes]:
    """Read a record, and name it in whatever is found wrong with its bytes."""
    data = store.read(key, MAX_BYTES)
    try:
        yield data
    except IntegrityError as error:
        raise IntegrityError(f"the record {key} in {store.url} {error}") from None


def read_content(store: Store, key: str, sha256: str) -> bytes:
    """Return the bytes of a content-addressed record that another record refers to, verified.

    Raises:
        IntegrityError: it is missing or damaged.
    """
    try:
        with reading(store, key) as data:
            if sha256_of(data) != sha256:
                raise IntegrityError("was edited or is damaged: its digest does not agree")
            return data
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
    try:
        store.create(layout.MARKER, seal("registry", new_op(), created, created_by, {}))
    except KeyExistsError:
        return
    raise StoreError(
        f"{store.url} lets a record be created twice, so two writers could overwrite one another; "
        "it cannot hold a registry"
    )
