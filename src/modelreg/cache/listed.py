"""Reading many small records: several at once, and none that this machine read before and still lies there.

Records never change, but a registry's owner may remove one, or begin anew. So what was kept is used only for the very
object that the listing names now, by the tag that the store gives each; and only with its own sha256.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from typing import TypeVar

from modelreg.canonical import MAX_BYTES
from modelreg.digest import sha256_of
from modelreg.errors import KeyAbsentError, NotKeptError
from modelreg.parallel import ahead
from modelreg.settings import cache_folder
from modelreg.store import Entry, Store

T = TypeVar("T")

_FEW = 20
"""As many are read as quickly as the cache is opened."""

_TABLE = "CREATE TABLE IF NOT EXISTS records (key TEXT PRIMARY KEY, tag TEXT, sha256 TEXT, data BLOB)"
_RECALL = "SELECT key, tag, sha256, data FROM records WHERE key BETWEEN ? AND ?"
_KEEP = "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?)"


def prefetch(store: Store, listed: Iterable[Entry]) -> dict[str, bytes]:
    """Return the bytes of records by key; those that are not there are left out, to be met when they are used.

    listed: what lies in the store, as it has just listed it.
    """
    entries = sorted(listed)
    tags = {entry.key: entry.tag for entry in entries if entry.tag}
    cached = len(tags) > _FEW
    found = _recall(store.url, tags) if cached else {}

    def read(entry: Entry) -> tuple[str, bytes | None]:
        with suppress(KeyAbsentError, NotKeptError):
            return entry.key, store.read(entry.key, MAX_BYTES)
        return entry.key, None

    missing = [entry for entry in entries if entry.key not in found]
    fresh = {key: data for key, data in ahead(read, missing, store.parallel) if data is not None}
    if cached and fresh:
        rows = [(key, tags[key], sha256_of(data), data) for key, data in fresh.items() if key in tags]
        _with_kept(store.url, lambda database: database.executemany(_KEEP, rows))
    return found | fresh


def _recall(url: str, tags: Mapping[str, str]) -> dict[str, bytes]:
    rows = _with_kept(url, lambda database: database.execute(_RECALL, (min(tags), max(tags))).fetchall())
    return {key: data for key, tag, sha256, data in rows or () if tags.get(key) == tag and sha256_of(data) == sha256}


def _with_kept(url: str, work: Callable[[sqlite3.Connection], T]) -> T | None:
    """Do something with what is kept of a registry; return None where it cannot be used, and all goes on without."""
    try:
        folder = cache_folder() / "listed"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"{sha256_of(url.encode())[:32]}.sqlite"
        with closing(sqlite3.connect(path, timeout=1)) as database, database:
            database.execute("PRAGMA synchronous = OFF")  # what a power cut damages is noticed, and read again
            database.execute(_TABLE)
            return work(database)
    except sqlite3.OperationalError:  # another process is at it, or the disk is full
        return None
    except sqlite3.DatabaseError:  # damaged
        with suppress(OSError):
            path.unlink()
        return None
    except OSError:  # no home
        return None
