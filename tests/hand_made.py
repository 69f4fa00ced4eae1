"""Records of the model fraud written by hand, as another writer would write them, and what a reader makes of them."""

import json
from contextlib import suppress
from pathlib import Path

from modelreg import Registry
from modelreg.errors import KeyExistsError
from modelreg.records import new_op, seal
from modelreg.store import Store

CREATED = "2026-01-02T03:04:05Z"


def put(store: Store, key: str, kind: str, **body: object) -> None:
    """Write a record of fraud by hand."""
    with suppress(KeyExistsError):
        store.create(f"models/fraud/{key}", seal(kind, new_op(), CREATED, "ben", {"model": "fraud", **body}))


def put_collection(store: Store, number: int, candidates: list[str], planned: list[str] | None = None) -> None:
    folder = f"collections/{number:08d}"
    put(store, f"{folder}/candidates.json", "candidates", artifacts=candidates)
    if planned is not None:
        put(store, f"{folder}/plan.json", "plan", artifacts=planned)


def planned(store: Store, number: int) -> list[str]:
    record = json.loads(store.read(f"models/fraud/collections/{number:08d}/plan.json", 10_000))
    return list(record["artifacts"])


def put_deletion(store: Store, version: int, *states: str) -> None:
    for step, state in enumerate(states, 1):
        put(store, f"deletions/{version:08d}/{step:08d}.json", "deletion", version=version, state=state, why="drift")


def put_moves(store: Store, alias: str, *versions: int | None) -> None:
    for move, version in enumerate(versions, 1):
        put(store, f"aliases/{alias}/{move:08d}.json", "alias", alias=alias, version=version, why="")


def numbers_in(store: Store) -> list[int]:
    """The numbers of all version records, live or not."""
    return [int(Path(entry.key).stem) for entry in store.entries("models/fraud/versions/")]


def live(store: Store) -> list[int]:
    """The live versions, oldest first; each is pulled, so each is whole."""
    registry = Registry(store)
    versions = registry.versions("fraud")
    for version in versions:
        registry.pull(version, Path("pulled", str(version.number)))
    return [version.number for version in reversed(versions)]
