"""Folders as tests make, read and damage them, in the working directory and in stores."""

from collections.abc import Callable, Mapping
from pathlib import Path

from modelreg.store import Store

FILES: Mapping[str, bytes] = {
    "assets/vocabulary.txt": b"a\nb\n",
    "empty": b"",
    "saved_model.pb": b"graph" * 100,
    "variables/variables.data-00000-of-00001": bytes(range(256)) * 8000,
}


def write_files(folder: Path, files: Mapping[str, bytes]) -> Path:
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def read_files(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder but the manifest."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "modelreg.yaml")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def state_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Return what changes about each file when it is written anew, even with the same bytes."""
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_ino) for path in sorted(folder.rglob("*"))}


def damage(store: Store, path: str, change: Callable[[bytes], bytes | None]) -> None:
    """Change, or with None delete, a file of an artifact in a store."""
    key = next(entry.key for entry in store.entries("models/fraud/artifacts/") if entry.key.endswith(path))
    damage_record(store, key, change)


def damage_record(store: Store, prefix: str, change: Callable[[bytes], bytes | None]) -> None:
    """Change, or with None delete, what lies at the first key of a store that begins with `prefix`."""
    key = next(iter(store.entries(prefix))).key
    data = change(b"".join(store.stream(key)))
    store.delete(key)
    if data is not None:
        store.create(key, data)
