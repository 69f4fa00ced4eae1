"""Stores: where a registry's bytes lie."""

from pathlib import Path

from modelreg.errors import UsageError
from modelreg.store.protocol import Entry, Store

__all__ = ["Entry", "Store", "open_store"]


def open_store(url: str) -> Store:
    """Return the store at `url`: a folder's path or `file://` URL.

    Raises:
        UsageError: no store has this scheme.
    """
    scheme, separator, rest = url.partition("://")
    if separator and scheme != "file":
        raise UsageError(f"{url!r}: a registry is a folder; {scheme}:// is not known to this modelreg")
    from modelreg.store.local import LocalStore

    return LocalStore(Path(rest if separator else url).expanduser().absolute())
