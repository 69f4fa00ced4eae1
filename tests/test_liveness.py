"""Which versions a reader takes for live: deletions, collections and aliases, written by hand."""

from pathlib import Path

import pytest
from hand_made import live, put_collection, put_deletion, put_moves
from watched_store import WatchedStore

from modelreg import Capture, Registry
from modelreg.errors import IntegrityError, NotFoundError
from modelreg.store import Store

STEPS = {
    "deleted": (["deleted"], False),
    "being restored": (["deleted", "restoring"], False),
    "restored": (["deleted", "restoring", "restored"], True),
    "deleted while it was restored": (["deleted", "restoring", "deleted"], False),
    "deleted and then restored": (["deleted", "restoring", "deleted", "restoring", "restored"], True),
    "restored and deleted again": (["deleted", "restoring", "restored", "deleted"], False),
    "being restored without ever being deleted": (["restoring"], True),
}


@pytest.mark.parametrize(("states", "is_live"), STEPS.values(), ids=list(STEPS))
def test_a_version_is_deleted_when_its_last_word_says_so(
    store: Store, model: Path, captured: Capture, states: list[str], is_live: bool
) -> None:
    registry = Registry(store)
    for _ in range(2):
        registry.register(model, "fraud", capture=captured)
    put_deletion(store, 2, *states)
    put_moves(store, "production", 2)
    assert live(store) == ([1, 2] if is_live else [1])
    assert registry.resolve("fraud").number == (2 if is_live else 1)
    assert [entry.versions for entry in registry.models()] == [2 if is_live else 1]
    if is_live:
        assert registry.resolve("fraud:2") == registry.resolve("fraud@production")
        return
    for reference in ("fraud:2", "fraud@production"):
        with pytest.raises(NotFoundError, match="fraud:2 was deleted by ben on 2026-01-02: drift"):
            registry.resolve(reference)


@pytest.mark.parametrize("states", [[], ["deleted"], ["deleted", "restoring", "restored"]])
def test_a_collected_version_is_never_live_whatever_else_is_recorded(
    store: Store, model: Path, captured: Capture, states: list[str]
) -> None:
    registry = Registry(store)
    first = registry.register(model, "fraud", capture=captured).version
    put_deletion(store, 1, *states)
    put_collection(store, 1, [first.artifact.upload], [first.artifact.upload])
    assert live(store) == []
    assert registry.models() == ()
    for reference in ("fraud", "fraud:1", f"fraud@{first.digest}"):
        with pytest.raises(NotFoundError):
            registry.resolve(reference)
    watched = WatchedStore(store)
    registered = Registry(watched).register(model, "fraud", capture=captured, if_changed=True)
    assert (registered.version.number, registered.created, registered.uploaded) == (2, True, True)
    assert live(store) == [2]


def test_versions_that_share_files_are_collected_together(store: Store, model: Path, captured: Capture) -> None:
    registry = Registry(store)
    for _ in range(2):
        version = registry.register(model, "fraud", capture=captured).version
    put_collection(store, 1, [version.artifact.upload], [version.artifact.upload])
    assert live(store) == []


def test_a_void_collection_harms_nothing(store: Store, model: Path, captured: Capture) -> None:
    version = Registry(store).register(model, "fraud", capture=captured).version
    put_collection(store, 1, [version.artifact.upload], [])
    assert live(store) == [1]


def test_the_last_move_of_an_alias_counts_and_null_removes_it(store: Store, model: Path, captured: Capture) -> None:
    registry = Registry(store)
    for _ in range(2):
        registry.register(model, "fraud", capture=captured)
    put_moves(store, "production", 1, 2, 1)
    put_moves(store, "staging", 1, None)
    put_moves(store, "canary", 1, None, 2)
    assert registry.resolve("fraud@production").aliases == ("production",)
    assert registry.resolve("fraud@canary").number == 2
    assert registry.models()[0].aliases == (("canary", 2), ("production", 1))
    with pytest.raises(NotFoundError, match="fraud has no alias staging; its aliases: canary, production"):
        registry.resolve("fraud@staging")


@pytest.mark.parametrize("collected", [False, True])
@pytest.mark.parametrize(
    "key",
    ["versions/00000001.json", "deletions/00000001/00000001.json", "annotations/00000001/00000001.json"],
    ids=["version", "deletion", "annotation"],
)
def test_a_damaged_record_of_an_older_version_does_not_hide_the_model(
    store: Store, model: Path, captured: Capture, key: str, collected: bool
) -> None:
    registry = Registry(store)
    for _ in range(2):
        registry.register(model, "fraud", capture=captured)
    if collected:
        put_collection(store, 1, ["20260102T030405Z-" + "0" * 32], ["20260102T030405Z-" + "0" * 32])
    store.delete(f"models/fraud/{key}")
    store.create(f"models/fraud/{key}", b"{}")
    damage: list[IntegrityError] = []
    [fraud] = registry.models(damage.append)
    assert (fraud.latest.number, fraud.versions) == (2, 2)
    assert [version.number for version in registry.versions("fraud", damage.append)] == [2]
    assert all(f"models/fraud/{key}" in str(error) for error in damage)
    with pytest.raises(IntegrityError, match=key):
        registry.resolve("fraud:1")
