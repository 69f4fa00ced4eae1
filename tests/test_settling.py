"""Who counts on a version that somebody else registered settles it, too: its writer may never have come to that."""

from collections.abc import Callable
from pathlib import Path

import pytest
from folders import damage_record
from hand_made import live, planned, put_collection, put_moves
from watched_store import WatchedStore

from modelreg import Capture, ConflictError, NotFoundError, Registry
from modelreg.store import Store

NOTHING = "20260102T030405Z-" + "0" * 32

USES: dict[str, Callable[[Registry, Path, Capture], object]] = {
    "register --if-changed": lambda registry, model, captured: registry.register(
        model, "fraud", capture=captured, if_changed=True
    ),
    "restore": lambda registry, model, captured: registry.restore("fraud:3"),
    "alias set": lambda registry, model, captured: registry.set_alias("fraud:3", "staging"),
    "alias set, where it points already": lambda registry, model, captured: registry.set_alias("fraud:3", "production"),
    "alias rollback": lambda registry, model, captured: registry.roll_back_alias("fraud", "canary"),
    "copy": lambda registry, model, captured: registry.copy("fraud:3", registry),
}


@pytest.fixture
def upload(three: Registry, store: Store) -> str:
    """The upload of all of three, which aliases point at."""
    put_moves(store, "production", 3)
    put_moves(store, "canary", 3, 2)
    return three.resolve("fraud:3").artifact.upload


@pytest.mark.parametrize("use", USES.values(), ids=list(USES))
def test_it_voids_the_collections_that_consider_the_version(
    store: Store, upload: str, model: Path, captured: Capture, use: Callable[[Registry, Path, Capture], object]
) -> None:
    put_collection(store, 1, [upload])
    put_collection(store, 2, [NOTHING])
    use(Registry(store), model, captured)
    assert planned(store, 1) == []
    assert not list(store.entries("models/fraud/collections/00000002/plan.json"))


def collected_at_the_last_moment(store: Store, upload: str) -> Registry:
    """A registry in which a collection fixes its plan just before somebody would void it."""
    put_collection(store, 1, [upload])

    def before(key: str, data: bytes) -> None:
        if key.endswith("/plan.json"):
            put_collection(store, 1, [upload], [upload])

    return Registry(WatchedStore(store, before))


REFUSALS = {
    "restore": (NotFoundError, "fraud:3 cannot be restored: its files were collected, and are gone"),
    "alias set": (ConflictError, "fraud:3 was deleted meanwhile, so fraud@staging does not point at it"),
    "alias set, where it points already": (ConflictError, "fraud:3 was deleted meanwhile; fraud@production should not"),
    "alias rollback": (ConflictError, "fraud:3 was deleted meanwhile, so fraud@canary does not point at it"),
}


@pytest.mark.parametrize(("name", "kind", "said"), [(name, *said) for name, said in REFUSALS.items()], ids=REFUSALS)
def test_what_is_collected_at_the_last_moment_is_refused(
    store: Store, upload: str, model: Path, captured: Capture, name: str, kind: type[Exception], said: str
) -> None:
    registry = collected_at_the_last_moment(store, upload)
    with pytest.raises(kind, match=said):
        USES[name](registry, model, captured)
    assert live(store) == []


@pytest.mark.parametrize("name", sorted(USES.keys() - REFUSALS.keys()))
def test_what_is_collected_at_the_last_moment_is_registered_anew(
    store: Store, upload: str, model: Path, captured: Capture, name: str
) -> None:
    registry = collected_at_the_last_moment(store, upload)
    USES[name](registry, model, captured)
    assert live(store) == [4]


def test_a_collection_whose_candidates_cannot_be_read_is_voided(
    three: Registry, store: Store, model: Path, captured: Capture
) -> None:
    put_collection(store, 1, [NOTHING])
    damage_record(store, "models/fraud/collections/00000001/candidates.json", lambda data: data[:-1])
    assert three.register(model, "fraud", capture=captured).version.number == 4
    assert planned(store, 1) == []


def test_a_collection_whose_candidates_cannot_be_read_but_whose_plan_can_is_no_hindrance(
    three: Registry, store: Store, model: Path, captured: Capture
) -> None:
    put_collection(store, 1, [NOTHING], [NOTHING])
    damage_record(store, "models/fraud/collections/00000001/candidates.json", lambda data: data[:-1])
    assert three.register(model, "fraud", capture=captured).version.number == 4
